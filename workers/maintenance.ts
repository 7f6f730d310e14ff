import type { Service } from '../src/platform/process/lifecycle.ts'
import type { WorkerEngine } from './engine.ts'

/** The queue `maintenance`: housekeeping. */
export function maintenanceWorker(engine: WorkerEngine): Service {
  return engine.worker('maintenance')
}
