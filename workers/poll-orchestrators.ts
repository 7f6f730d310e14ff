import type { Service } from '../src/platform/process/lifecycle.ts'
import type { WorkerRuntime } from './runtime.ts'

/** The queue `poll-orchestrators`: poll cycles over the bridge's nodes, and the shards of large cycles. */
export function pollOrchestratorsWorker(runtime: WorkerRuntime): Service {
  return runtime.worker('poll-orchestrators')
}
