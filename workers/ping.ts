import type { Service } from '../src/platform/process/lifecycle.ts'
import type { WorkerRuntime } from './runtime.ts'

/** The queue `ping`: slaves report that they are running, and masters detect missing reports. */
export function pingWorker(runtime: WorkerRuntime): Service {
  return runtime.worker('ping')
}
