import type { Commit, Outcome, Run } from '../../platform/jobs/index.ts'
import type { TrackerContext } from '../context.ts'
import { acknowledge, findOutbox, lockOutbox, nextRun, type Outbox, startOver } from '../store/push/outbox.ts'
import {
  type After,
  type OutgoingInterval,
  readOutgoing,
  readOutgoingScopes,
} from '../store/push/outgoing.ts'
import { nextTryInMs, waitingOfSlave } from '../store/push/waiting.ts'
import { answersOf } from './answers.ts'
import { createMasterClient, type MasterAnswer, type MasterClient, notDelivered } from './master-client.ts'
import { note } from './note.ts'
import { putChanged } from './put-changed.ts'
import { batchOf } from './wire.ts'

/** Containers in one call; fewer when the master finds that too much. */
const pageSizes = [10_000, 1000, 100, 10, 1]
/** Most containers in one call after this many attempts: a smaller call may get through where a master was too slow. */
export const pageSizesOf = (attempt: number): number[] => pageSizes.slice(Math.min(attempt - 1, 2))
/** The two sides may disagree about where they stand once or twice; more often would be a fault that a wait must end. */
const mostDisagreements = 4

interface Pushing {
  context: TrackerContext
  master: MasterClient
  run: Run
  rejected: number
  items: number
  /** Ids of intervals that the master found too large, and whether at least their names fit. */
  tooLarge: Map<string, 'named' | 'omitted'>
}

/** Makes the next push job, due in so many milliseconds. */
export type Again = (trx: Parameters<Commit>[0], delayMs: number) => Promise<void>

/**
 * Sends the master everything that it has not acknowledged or has not stored, the oldest first. What it rejects waits,
 * each item by itself, and is sent again.
 * @param again called when something came while this push ended, and while something waits.
 */
export async function push(context: TrackerContext, run: Run, again: Again): Promise<Outcome> {
  const { config, db } = context
  // Not a slave any more: nobody is to be told.
  if (config.master === undefined) return { kind: 'done' }
  const master = createMasterClient(config.master)
  const pushing: Pushing = { context, master, run, rejected: 0, items: 0, tooLarge: new Map() }
  try {
    for (let disagreements = 0; ; ) {
      const outbox = await findOutbox(db)
      if (outbox === undefined) return await finish(pushing, outbox, again)
      if (outbox.acknowledged === outbox.sequence) {
        if ((await nextTryInMs(db)) !== 0) return await finish(pushing, outbox, again)
        // What waits travels under a number of its own: the master takes each number once.
        await run.write((trx) => nextRun(trx))
        continue
      }
      const told = await tell(pushing, outbox)
      if (!told && ++disagreements > mostDisagreements) {
        return { kind: 'retry', error: notDelivered('the push', { status: 409 }) }
      }
    }
  } catch (error) {
    if (!(error instanceof Undelivered)) throw error
    await run.progress(progressOf(pushing, await findOutbox(db)))
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

/** A run that is numbered between our last look and the end of this job has found it running, so it made no other. */
async function finish(pushing: Pushing, outbox: Outbox | undefined, again: Again): Promise<Outcome> {
  const waiting = await waitingOfSlave(pushing.context.db)
  await pushing.run.progress({ ...progressOf(pushing, outbox), waiting: waiting?.items ?? 0 })
  return {
    kind: 'done',
    async commit(trx) {
      const now = await lockOutbox(trx)
      if (now !== undefined && now.acknowledged !== now.sequence) return again(trx, 0)
      const nextMs = await nextTryInMs(trx)
      if (nextMs !== undefined) await again(trx, nextMs)
    },
  }
}

const progressOf = ({ items, rejected }: Pushing, outbox: Outbox | undefined) => ({
  sequence: outbox?.sequence ?? 0,
  acknowledged: outbox?.acknowledged ?? null,
  items,
  rejected,
})

/** @returns false when the master stands elsewhere than we thought: that is noted, and the next turn goes from there. */
async function tell(pushing: Pushing, outbox: Outbox): Promise<boolean> {
  const { run } = pushing
  const { db } = pushing.context
  for (const limit of pageSizesOf(run.attempt)) {
    const answer = await tellPages(pushing, outbox, limit)
    if (answer.status === 413) continue
    if (answer.status === 404) {
      await putChanged(pushing, outbox).catch((error: unknown) => {
        if (run.signal.aborted) throw error
        throw new Undelivered('a release', error)
      })
      await acknowledge(db, outbox.collectorId, outbox.sequence)
      return true
    }
    if (answer.status === 409) return disagree(pushing, outbox, answer)
    if (answer.status !== 200) throw new Undelivered('the push', answer)
    await acknowledge(db, outbox.collectorId, outbox.sequence)
    return true
  }
  throw new Undelivered('the push', { status: 413, body: undefined, retryAfterMs: undefined })
}

const tooLarge = 'is too large for the master'

/**
 * All pages of what is new; the last one makes the master acknowledge. A full push leaves nothing out, since the master
 * ends what it does not name: of an item that is too large only the name is sent. @returns the first answer that is no success.
 */
async function tellPages(pushing: Pushing, outbox: Outbox, limit: number): Promise<MasterAnswer> {
  const { context, master, run } = pushing
  const { db, config } = context
  const since = outbox.acknowledged
  // Read first: a namespace's time must not say more than the intervals that follow.
  const scopes = await readOutgoingScopes(db, config, since)
  let after: After | undefined
  for (let part = 1; ; ) {
    const omit = [...pushing.tooLarge].flatMap(([id, how]) => (how === 'omitted' ? [id] : []))
    const options = { since, after, limit: limit + 1, withWaiting: since === null, omit }
    const items = await readOutgoing(db, config, options)
    const page = items.slice(0, limit)
    const last = items.length <= limit
    const named = new Set(pushing.tooLarge.keys())
    const body = batchOf({ context, outbox, part, last, items: page, named, scopes: last ? scopes : [] })
    const answer = await master.post('/api/collect/batch', body, run.signal).catch((error: unknown) => {
      if (run.signal.aborted) throw error
      throw new Undelivered('the push', error)
    })
    const [only] = page
    const isTooLarge = answer.status === 413 && limit === 1 && only !== undefined
    if (isTooLarge) {
      await reduce(pushing, only)
      continue
    }
    if (answer.status !== 200) return answer
    const reasons = answersOf(page, answer)
    for (const [index, { id }] of page.entries()) if (named.has(id)) reasons.set(index, tooLarge)
    await note(pushing, page, reasons)
    const end = page.at(-1)
    if (last || end === undefined) return answer
    after = { firstSeen: end.first_seen, id: end.id }
    part++
  }
}

/** From now on only the name of an item is sent, and nothing of it when even that was too large. */
async function reduce(pushing: Pushing, item: OutgoingInterval): Promise<void> {
  const isNamed = pushing.tooLarge.has(item.id)
  pushing.tooLarge.set(item.id, isNamed ? 'omitted' : 'named')
  if (isNamed) await note(pushing, [item], new Map([[0, tooLarge]]))
}

async function disagree({ context }: Pushing, outbox: Outbox, { body }: MasterAnswer): Promise<false> {
  const { error } = (body ?? {}) as { error?: { details?: { acknowledged?: unknown } } }
  const theirs = error?.details?.acknowledged
  const known = typeof theirs === 'number' ? theirs : null
  if (known !== null && known > outbox.sequence) await startOver(context.db, outbox.collectorId)
  else await acknowledge(context.db, outbox.collectorId, known)
  return false
}

class Undelivered extends Error {
  readonly reason: ReturnType<typeof notDelivered>
  constructor(what: string, failure: unknown) {
    super('not delivered')
    this.reason = notDelivered(what, failure)
  }
}
