import type { Service } from '../src/platform/process/lifecycle.ts'
import type { WorkerEngine } from './engine.ts'

/** The queue `ping`: slaves say that they live, masters notice who does not. */
export function pingWorker(engine: WorkerEngine): Service {
  return engine.worker('ping')
}
