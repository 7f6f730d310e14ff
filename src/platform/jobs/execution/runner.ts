import { isDatabaseUnavailable } from '../../postgres/index.ts'
import type { DeliveryJob } from '../../queues/index.ts'
import { LostLease } from '../definition.ts'
import { attempt } from './attempt.ts'
import type { DeliveryEnd } from './outcomes.ts'
import { recordOrReplace } from './record-outcome.ts'
import { createRunnerContext, type RunnerContext, type RunnerOptions } from './runner-context.ts'

export interface Runner {
  run(delivery: DeliveryJob): Promise<DeliveryEnd>
  /** Resolves once the outcomes of all finished attempts are recorded. */
  idle(): Promise<void>
}

/**
 * The pipeline around every handler: find the row -> claim -> parse -> run with a signal -> record the outcome. The
 * job's row decides everything; the queue library's state of the delivery decides nothing.
 */
export function createRunner(options: RunnerOptions): Runner {
  const context = createRunnerContext(options)
  const { log } = options
  return {
    async run(delivery) {
      try {
        return await runDelivery(context, delivery)
      } catch (error) {
        // No outcome was recorded: the reconciler delivers the job again once its lease has expired.
        log.error(
          { queue: delivery.queueName, err: error },
          'a job could not be claimed, or its outcome could not be recorded',
        )
        return { kind: 'failed', code: isDatabaseUnavailable(error) ? 'SYS_002' : 'SYS_001' }
      }
    },
    async idle() {
      await Promise.all([context.claims.idle(), context.finishes.idle(), context.progress.idle()])
    },
  }
}

async function runDelivery(context: RunnerContext, delivery: DeliveryJob): Promise<DeliveryEnd> {
  const { keeper, log } = context
  if (!('job' in delivery.data)) {
    log.info({ queue: delivery.queueName }, "dropped a delivery of a previous version's schedule")
    return { kind: 'completed' }
  }
  const id = delivery.data.job
  const claim = await context.claims.add(id)
  if (claim.kind === 'unknown') {
    // The row belongs to another installation, or was removed by hand. Failed, so that its owner delivers it again.
    log.warn({ jobId: id, queue: delivery.queueName }, 'the database has no row for the delivered job')
    return { kind: 'failed', code: 'SYS_005' }
  }
  // Another worker holds the lease. If that worker dies, the reconciler delivers the job again.
  if (claim.kind !== 'claimed') return { kind: 'completed' }
  const { lease } = claim
  const fields = { jobId: id, name: lease.name, attempt: lease.attempt }
  const signal = keeper.hold(lease)
  const startedAt = performance.now()
  try {
    const job = context.find(lease.queue, lease.name)
    const outcome = await attempt(context, { job, lease, held: signal })
    const end = await recordOrReplace(context, lease, { job, outcome })
    const durationMs = Math.round(performance.now() - startedAt)
    log.debug({ ...fields, outcome: end.kind, durationMs }, 'attempt ended')
    return end
  } catch (error) {
    if (!(error instanceof LostLease)) throw error
    log.warn(fields, 'the lease was lost; another worker has taken the job over')
    return { kind: 'completed' }
  } finally {
    keeper.release(lease)
  }
}
