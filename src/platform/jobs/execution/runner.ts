import { hostname } from 'node:os'
import type { Knex } from 'knex'
import { type Batcher, createBatcher } from '../../batcher.ts'
import { CodedError } from '../../errors.ts'
import type { Logger } from '../../logging/logging.ts'
import { isPassing, whileDatabaseIsAway } from '../../postgres/db.ts'
import { isDatabaseUnavailable } from '../../postgres/index.ts'
import type { DeliveryJob } from '../../queues/index.ts'
import { type BoundJob, LostLease, type Outcome, type Run, type RunAborted } from '../definition.ts'
import type { LeaseKeeper } from './lease-keeper.ts'
import {
  assertHolder,
  type ClaimResult,
  claimJobs,
  type Finish,
  finishRuns,
  type Lease,
  writeProgress,
} from './leases.ts'
import { type DeliveryEnd, failed, settlement, translate, withinBudget } from './outcomes.ts'

export interface RunnerOptions {
  db: Knex
  jobs: readonly BoundJob[]
  keeper: LeaseKeeper
  log: Logger
  /** Wakes the dispatcher after a hand-over. */
  nudge: () => void
}

export interface Runner {
  run(delivery: DeliveryJob): Promise<DeliveryEnd>
  /** Resolves when every outcome of finished runs is recorded. */
  idle(): Promise<void>
}

/** What the stages of the pipeline share. Writes of many runs travel together. */
interface Machine extends RunnerOptions {
  find(queue: string, name: string): BoundJob | undefined
  claims: Batcher<string, ClaimResult>
  finishes: Batcher<Finish, boolean>
  progress: Batcher<{ lease: Lease; value: unknown }, undefined>
}

// A job whose worker dies this often is more likely the cause than the victim.
const maxCrashes = 5

/**
 * The pipeline around every handler: identify -> claim -> parse -> run under signals -> record the outcome. The
 * row decides everything; what the queue library believes about its delivery never does.
 */
export function createRunner(options: RunnerOptions): Runner {
  const machine = createMachine(options)
  const { log } = options
  return {
    async run(delivery) {
      try {
        return await runDelivery(machine, delivery)
      } catch (error) {
        // Nothing was recorded, and the row says so: the reconciler delivers it again, after its lease if it has one.
        log.error({ queue: delivery.queueName, err: error }, 'a run could not be begun or recorded')
        return { kind: 'failed', code: isDatabaseUnavailable(error) ? 'SYS_002' : 'SYS_001' }
      }
    },
    async idle() {
      await Promise.all([machine.claims.idle(), machine.finishes.idle(), machine.progress.idle()])
    },
  }
}

async function runDelivery(machine: Machine, delivery: DeliveryJob): Promise<DeliveryEnd> {
  const { keeper, log } = machine
  if (!('job' in delivery.data)) {
    log.info({ queue: delivery.queueName }, "dropped a delivery of an earlier version's schedule")
    return { kind: 'completed' }
  }
  const id = delivery.data.job
  const claim = await machine.claims.add(id)
  if (claim.kind === 'unknown') {
    // Another installation's, or removed by hand. Not completed: whose row it is finds it failed, and delivers it again.
    log.warn({ jobId: id, queue: delivery.queueName }, 'this database has no row for a delivered job')
    return { kind: 'failed', code: 'SYS_005' }
  }
  // Held: should the holder die, the reconciler delivers the job again.
  if (claim.kind !== 'claimed') return { kind: 'completed' }
  const { lease } = claim
  const about = { jobId: id, name: lease.name, attempt: lease.attempt }
  const signal = keeper.hold(lease)
  const startedAt = performance.now()
  try {
    const job = machine.find(lease.queue, lease.name)
    const outcome = await attempt(machine, { job, lease, held: signal })
    const end = await recordOrReplace(machine, lease, { job, outcome })
    const durationMs = Math.round(performance.now() - startedAt)
    log.debug({ ...about, outcome: end.kind, durationMs }, 'run ended')
    return end
  } catch (error) {
    if (!(error instanceof LostLease)) throw error
    log.warn(about, 'the lease was lost; another holder goes on')
    return { kind: 'completed' }
  } finally {
    keeper.release(lease)
  }
}

function createMachine(options: RunnerOptions): Machine {
  const { db } = options
  const worker = `${hostname()}:${process.pid}`
  const known = new Map(options.jobs.map((job) => [`${job.queue}/${job.name}`, job]))
  return {
    ...options,
    find: (queue, name) => known.get(`${queue}/${name}`),
    claims: createBatcher((ids) => whileDatabaseIsAway(() => claimJobs(db, ids, worker))),
    finishes: createBatcher((batch) =>
      whileDatabaseIsAway(async () => {
        const held = await finishRuns(db, batch)
        return batch.map((each) => held.has(each.lease.id))
      }),
    ),
    progress: createBatcher(async (batch) => {
      await writeProgress(db, [...new Map(batch.map((entry) => [entry.lease.id, entry])).values()])
      return batch.map(() => undefined)
    }),
  }
}

async function attempt(
  machine: Machine,
  about: { job: BoundJob | undefined; lease: Lease; held: AbortSignal },
): Promise<Outcome> {
  const { job, lease, held } = about
  if (job === undefined) return failed(`no handler for the job ${lease.queue}/${lease.name}`)
  if (lease.cancelRequested) return { kind: 'cancelled' }
  if (lease.crashes > maxCrashes) return failed(`the worker died ${lease.crashes} times in this job`)
  const payload = job.payload.safeParse(lease.payload)
  if (!payload.success) return failed('the payload does not fit the job')
  const limit = AbortSignal.timeout(job.timeoutMs(payload.data))
  const signal = AbortSignal.any([held, limit])
  try {
    return await job.handle(payload.data, runOf(machine, lease, signal))
  } catch (error) {
    if (!(error instanceof CodedError) && !signal.aborted && !(error instanceof LostLease)) {
      machine.log.error({ jobId: lease.id, name: lease.name, err: error }, 'a handler failed unexpectedly')
    }
    return outcomeOf(error, { held, limit })
  }
}

function runOf(machine: Machine, lease: Lease, signal: AbortSignal): Run {
  const { id, attempt: number, maxAttempts, correlationId } = lease
  const log = machine.log.child({ jobId: id, ...(correlationId === null ? {} : { correlationId }) })
  return {
    jobId: id,
    attempt: number,
    maxAttempts,
    correlationId,
    signal,
    log,
    write: (work) =>
      machine.db.transaction(async (trx) => {
        await assertHolder(trx, lease)
        return work(trx)
      }),
    async progress(value) {
      await machine.progress
        .add({ lease, value })
        .catch((error) => log.warn({ err: error }, 'progress not written'))
    },
  }
}

/** Turns what a handler threw into an outcome; unexpected errors are tried again, they may be the weather. */
function outcomeOf(error: unknown, signals: { held: AbortSignal; limit: AbortSignal }): Outcome {
  if (signals.held.aborted) {
    const { why } = signals.held.reason as RunAborted
    if (why === 'cancelled') return { kind: 'cancelled' }
    if (why === 'shutdown') return { kind: 'snooze', ms: 0 }
    throw new LostLease()
  }
  if (error instanceof LostLease) throw error
  if (signals.limit.aborted) {
    return { kind: 'retry', error: new CodedError('SYS_004', 'the attempt took longer than its time limit') }
  }
  return thrown(error)
}

function thrown(error: unknown): Outcome {
  if (error instanceof CodedError) {
    if (!error.retryable) return { kind: 'failed', error }
    const { retryAfter } = error.options
    return { kind: 'retry', error, ...(retryAfter === undefined ? {} : { afterMs: retryAfter * 1000 }) }
  }
  const code = isDatabaseUnavailable(error) ? 'SYS_002' : 'SYS_001'
  return { kind: 'retry', error: new CodedError(code, 'an unexpected fault, see the log', { cause: error }) }
}

const unrecordable = failed('the outcome could not be recorded, see the log')

/**
 * Records an outcome, or one that can be recorded in its place: running the job again would end the same way.
 * @throws LostLease, and errors of the database that pass: the job is then delivered again.
 */
async function recordOrReplace(
  machine: Machine,
  lease: Lease,
  ended: { job: BoundJob | undefined; outcome: Outcome },
): Promise<DeliveryEnd> {
  const { job, outcome } = ended
  try {
    return await record(machine, lease, ended)
  } catch (error) {
    if (error instanceof LostLease) throw error
    const about = { jobId: lease.id, name: lease.name, attempt: lease.attempt, err: error }
    if (outcome.kind === 'done') {
      // The handler's own last write failed and took the outcome with it: that is the handler's failure.
      machine.log.error(about, 'the commit of a handler failed')
      return recordOrReplace(machine, lease, { job, outcome: thrown(error) })
    }
    if (isPassing(error)) throw error
    if (outcome === unrecordable) {
      if (job === undefined) throw error
      // Each later delivery would end the same way: without its settlement the job ends at least.
      machine.log.error(about, 'a job ends without its settlement: its domain is not informed of the failure')
      return recordOrReplace(machine, lease, { job: undefined, outcome })
    }
    machine.log.error({ ...about, outcome: outcome.kind }, 'an outcome could not be recorded')
    return recordOrReplace(machine, lease, { job, outcome: unrecordable })
  }
}

/** @throws LostLease when somebody else holds the job by now: then nothing is written. */
async function record(
  machine: Machine,
  lease: Lease,
  ended: { job: BoundJob | undefined; outcome: Outcome },
): Promise<DeliveryEnd> {
  const { job } = ended
  const outcome = withinBudget(ended.outcome, lease)
  const planned = ending(job, lease, outcome)
  if (planned.commit === undefined) {
    if (!(await machine.finishes.add(planned.finish))) throw new LostLease()
    if (runsAgain(planned.finish)) machine.nudge()
    return planned.end
  }
  return whileDatabaseIsAway(() =>
    machine.db.transaction(async (trx) => {
      const { cancelRequested } = await assertHolder(trx, lease)
      const overruled = cancelRequested && outcome.kind === 'done' && job?.cancelWins
      const { commit, finish, end } = overruled ? ending(job, lease, { kind: 'cancelled' }) : planned
      await commit?.(trx)
      await finishRuns(trx, [finish])
      return end
    }),
  )
}

const runsAgain = ({ state }: Finish) => state === 'queued' || state === 'retrying'

/** What is written for an outcome, and what the library is told. */
function ending(job: BoundJob | undefined, lease: Lease, outcome: Outcome) {
  const backoff = job?.backoff ?? { firstMs: 1000, maxMs: 1000 }
  const commit = outcome.kind === 'done' ? outcome.commit : settlement(job, lease, outcome)
  return { ...translate(outcome, { lease, backoff }), commit }
}
