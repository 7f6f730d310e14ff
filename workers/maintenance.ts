import type { Service } from '../src/platform/process/lifecycle.ts'
import type { WorkerRuntime } from './runtime.ts'

/** The queue `maintenance`: housekeeping. */
export function maintenanceWorker(runtime: WorkerRuntime): Service {
  return runtime.worker('maintenance')
}
