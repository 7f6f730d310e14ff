import type { Service } from '../src/platform/process/lifecycle.ts'
import type { WorkerRuntime } from './runtime.ts'

/** The queue `collect`: reads the cluster, and pushes the changes to a master. */
export function collectWorker(runtime: WorkerRuntime): Service {
  return runtime.worker('collect')
}
