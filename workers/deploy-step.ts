import type { Service } from '../src/platform/process/lifecycle.ts'
import type { WorkerEngine } from './engine.ts'

/** The queue `deploy-step`: the eight steps of deployments, each one its own job. */
export function deployStepWorker(engine: WorkerEngine): Service {
  return engine.worker('deploy-step')
}
