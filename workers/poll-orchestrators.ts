import type { Service } from '../src/platform/process/lifecycle.ts'
import type { WorkerEngine } from './engine.ts'

/** The queue `poll-orchestrators`: cycles over the bridge's nodes, and parts of large ones. */
export function pollOrchestratorsWorker(engine: WorkerEngine): Service {
  return engine.worker('poll-orchestrators')
}
