import type { Service } from '../src/platform/process/lifecycle.ts'
import type { WorkerRuntime } from './runtime.ts'

/** The queue `deploy-step`: the eight steps of deployments, each its own job. */
export function deployStepWorker(runtime: WorkerRuntime): Service {
  return runtime.worker('deploy-step')
}
