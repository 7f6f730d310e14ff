import type { Service } from '../src/platform/lifecycle.ts'
import type { WorkerEngine } from './engine.ts'

/** The queue `rollback`: undoing what a failed deployment changed. */
export function rollbackWorker(engine: WorkerEngine): Service {
  return engine.worker('rollback')
}
