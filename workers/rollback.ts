import type { Service } from '../src/platform/process/lifecycle.ts'
import type { WorkerEngine } from './engine.ts'

/** The queue `rollback`: undoing what a failed deployment changed. */
export function rollbackWorker(engine: WorkerEngine): Service {
  return engine.worker('rollback')
}
