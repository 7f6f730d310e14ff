import type { Commit, Outcome, Run } from '../../../platform/jobs/index.ts'
import type { TrackerContext } from '../../context.ts'
import {
  acknowledge,
  findOutbox,
  lockOutbox,
  nextRun,
  type Outbox,
  startOver,
} from '../../store/push/outbox.ts'
import { nextTryInMs, waitingOfSlave } from '../../store/push/waiting.ts'
import { createMasterClient, type MasterAnswer, notDelivered } from './master-client.ts'
import { type Push, Undelivered } from './progress.ts'
import { putReleases } from './put-releases.ts'
import { lacksBatches } from './refusals.ts'
import { BatchSender } from './send-batches.ts'

/** Slave and master may be out of step once or twice. More often is a fault, and the job waits before it tries again. */
const maxConflicts = 4
/** Pause before the next push while items wait that are due at once, so that a master is not called without end. */
const minPauseMs = 1000

/** Enqueues the next push job, due after `delayMs`. */
export type EnqueuePush = (trx: Parameters<Commit>[0], delayMs: number) => Promise<void>

/**
 * Sends the master everything that it has not acknowledged or not stored, the oldest first. Each item that the master
 * rejects waits by itself and is sent again.
 * @param enqueuePush called when a run was numbered while this push ended, and while items wait
 */
export async function push(context: TrackerContext, run: Run, enqueuePush: EnqueuePush): Promise<Outcome> {
  const { config, db } = context
  // The configuration has changed since the job was enqueued: this is not a slave any more.
  if (config.master === undefined) return { kind: 'done' }
  const master = createMasterClient(config.master)
  const state: Push = { context, master, run, rejected: 0, items: 0 }
  try {
    for (let conflicts = 0; ; ) {
      const outbox = await findOutbox(db)
      if (outbox === undefined) return await finish(state, outbox, enqueuePush)
      if (outbox.acknowledged === outbox.sequence) {
        if ((await nextTryInMs(db)) !== 0) return await finish(state, outbox, enqueuePush)
        // Waiting items need a run of their own: the master accepts each number once.
        await run.write((trx) => nextRun(trx))
        continue
      }
      const inStep = await deliver(state, outbox)
      if (!inStep && ++conflicts > maxConflicts)
        return { kind: 'retry', error: notDelivered('the push', { status: 409 }) }
    }
  } catch (error) {
    if (!(error instanceof Undelivered)) throw error
    await run.progress(progressOf(state, await findOutbox(db)))
    const { retryAfter } = error.reason.options
    return {
      kind: 'retry',
      error: error.reason,
      ...(retryAfter === undefined ? {} : { afterMs: retryAfter * 1000 }),
    }
  } finally {
    await master.close()
  }
}

/** A run that was numbered since our last look found this job running and enqueued no other, so this one looks again. */
async function finish(state: Push, outbox: Outbox | undefined, enqueuePush: EnqueuePush): Promise<Outcome> {
  const waiting = await waitingOfSlave(state.context.db)
  await state.run.progress({ ...progressOf(state, outbox), waiting: waiting?.items ?? 0 })
  return {
    kind: 'done',
    async commit(trx) {
      const now = await lockOutbox(trx)
      if (now !== undefined && now.acknowledged !== now.sequence) return enqueuePush(trx, 0)
      const nextMs = await nextTryInMs(trx)
      if (nextMs !== undefined) await enqueuePush(trx, Math.max(nextMs, minPauseMs))
    },
  }
}

const progressOf = ({ items, rejected }: Push, outbox: Outbox | undefined) => ({
  sequence: outbox?.sequence ?? 0,
  acknowledged: outbox?.acknowledged ?? null,
  items,
  rejected,
})

/** @returns false when the master was out of step. Its position is recorded, and the next call starts there. */
async function deliver(state: Push, outbox: Outbox): Promise<boolean> {
  const { db } = state.context
  const answer = await new BatchSender(state, outbox).send()
  if (lacksBatches(answer)) {
    await putReleases(state, outbox)
    return true
  }
  if (answer.status === 409) {
    await adoptPosition(state.context, outbox, answer)
    return false
  }
  await acknowledge(db, outbox.collectorId, outbox.sequence)
  return true
}

/** Continues from the run that the master names. If it names a later one than ours, our database was restored. */
async function adoptPosition({ db }: TrackerContext, outbox: Outbox, { body }: MasterAnswer): Promise<void> {
  const { error } = (body ?? {}) as { error?: { details?: { acknowledged?: unknown } } }
  const theirs = error?.details?.acknowledged
  const position = typeof theirs === 'number' ? theirs : null
  if (position !== null && position > outbox.sequence) await startOver(db, outbox.collectorId)
  else await acknowledge(db, outbox.collectorId, position)
}
