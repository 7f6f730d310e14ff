import type { Service } from '../src/platform/process/lifecycle.ts'
import type { WorkerRuntime } from './runtime.ts'

/** The queue `rollback`: undoes the changes of failed deployments. */
export function rollbackWorker(runtime: WorkerRuntime): Service {
  return runtime.worker('rollback')
}
