import type { Service } from '../src/platform/process/lifecycle.ts'
import type { WorkerEngine } from './engine.ts'

/** The queue `collect`: reading the cluster, and pushing what changed to a master. */
export function collectWorker(engine: WorkerEngine): Service {
  return engine.worker('collect')
}
