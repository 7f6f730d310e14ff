import type { Outbox } from '../../store/push/outbox.ts'
import {
  type OutgoingInterval,
  type OutgoingScope,
  readChanged,
  readOutgoingScopes,
  readRefusedAlone,
} from '../../store/push/outgoing.ts'
import { batchOf } from '../wire.ts'
import { rejectedItems } from './item-results.ts'
import type { MasterAnswer } from './master-client.ts'
import { answerTo, type Push, recordAnswer, Undelivered } from './progress.ts'
import { mayBlameContent, refusalReason } from './refusals.ts'

const maxItems = 10_000
/** Items in one call at first. Smaller calls after failed attempts may get through where the master was too slow. */
export const pageSizeOf = (attempt: number): number => [maxItems, 1000, 100][Math.min(attempt - 1, 2)] ?? 100
/** After this many accepted calls in a row, the next one may be twice as large. */
const callsBeforeGrowth = 4
/** So many single items refused, with none accepted in between: the fault is not in the items. */
const maxRefusedInARow = 20
/** Refused calls of one attempt, so that a slave with many bad items does not keep its master busy. */
const maxRefusedCalls = 1000
/** Items that were refused by themselves before and are tried once more in one push. */
const maxRetriedAlone = 20

/** Sends everything that the master does not have, and makes it acknowledge the run with the last call. */
export class BatchSender {
  readonly #push: Push
  readonly #outbox: Outbox
  #part = 0
  /** Whether the master has accepted any call of this attempt. */
  #accepted = false
  #refusedCalls = 0
  #refusedInARow = 0

  constructor(push: Push, outbox: Outbox) {
    this.#push = push
    this.#outbox = outbox
  }

  /**
   * Sends the run in pages, the oldest items first. A page that the master refuses as a whole is halved, down to the
   * single item that is the cause. That item waits by itself, and everything else is delivered.
   * @returns the answer to the last call, or the first one that says nothing about the items (no batches, out of step)
   * @throws Undelivered
   */
  async send(): Promise<MasterAnswer> {
    const { context, run } = this.#push
    const { db, config } = context
    const full = this.#outbox.acknowledged === null
    // Read before the items: a namespace's time must not be later than the items that follow it.
    const scopes = await readOutgoingScopes(db, config, this.#outbox.acknowledged)
    const refusal = await this.#retryRefused()
    if (refusal !== undefined) return refusal
    const start = pageSizeOf(run.attempt)
    let [limit, acceptedInARow, hasRefused] = [start, 0, false]
    for (let after: OutgoingInterval | undefined; ; ) {
      const items = await readChanged(db, config, {
        since: this.#outbox.acknowledged,
        after,
        limit: limit + 1,
      })
      const page = items.slice(0, limit)
      const isEnd = items.length <= limit
      // A full push must also name the items that it can't deliver.
      const mustName =
        full && isEnd && (hasRefused || (await readRefusedAlone(db, config, { limit: 1 })).length > 0)
      const last = isEnd && !mustName
      const answer = await this.#post({ items: page, last, scopes: last ? scopes : [] })
      if (answer.status === 200) {
        await recordAnswer(this.#push, page, { rejected: rejectedItems(page, answer) })
        if (last) return answer
        if (isEnd) return this.#nameRefused(scopes)
        after = page.at(-1)
        acceptedInARow++
        if (acceptedInARow % callsBeforeGrowth === 0) limit = Math.min(start, limit * 2)
        continue
      }
      if (!(await this.#isAboutItems(answer, page.length))) return answer
      acceptedInARow = 0
      const [only, ...others] = page
      if (only === undefined) return this.#concludeWithout(scopes, answer)
      if (others.length > 0) {
        limit = Math.ceil(page.length / 2)
        continue
      }
      await this.#setAside(only, answer)
      hasRefused = true
      after = only
      limit = start
      if (isEnd) return full ? this.#nameRefused(scopes) : this.#conclude(scopes)
    }
  }

  /** Items that were refused by themselves travel alone, so that they can't take others along. */
  async #retryRefused(): Promise<MasterAnswer | undefined> {
    const { context, run } = this.#push
    const due = await readRefusedAlone(context.db, context.config, { onlyDue: true, limit: maxRetriedAlone })
    for (const item of due) {
      const answer = await this.#post({ items: [item], last: false, scopes: [] })
      if (answer.status === 200) {
        await recordAnswer(this.#push, [item], { rejected: rejectedItems([item], answer) })
        continue
      }
      if (isAnswerOfProtocol(answer)) return answer
      // The pages that follow show whether it is an outage. Until then no other suspect is sent.
      if (!mayBlameContent(answer, run.attempt)) break
      await recordAnswer(this.#push, [item], { rejected: new Map([[0, refusalReason(answer)]]), alone: true })
    }
    return undefined
  }

  /** @throws Undelivered when the refusal says nothing about the items of the call */
  async #isAboutItems(answer: MasterAnswer, count: number): Promise<boolean> {
    if (isAnswerOfProtocol(answer)) return false
    if (!mayBlameContent(answer, this.#push.run.attempt)) throw new Undelivered('the push', answer)
    if (++this.#refusedCalls > maxRefusedCalls) throw new Undelivered('the push', answer)
    // A master that refuses an empty call, too, does not refuse because of the items.
    if (!this.#accepted && count > 0 && answer.status !== 413) {
      const probe = await this.#post({ items: [], last: false, scopes: [] })
      if (isAnswerOfProtocol(probe)) return false
      if (probe.status !== 200) throw new Undelivered('the push', answer)
    }
    return true
  }

  async #setAside(item: OutgoingInterval, answer: MasterAnswer): Promise<void> {
    await recordAnswer(this.#push, [item], { rejected: new Map([[0, refusalReason(answer)]]), alone: true })
    if (++this.#refusedInARow >= maxRefusedInARow) throw new Undelivered('the push', answer)
  }

  /**
   * Ends a full push. The master ends components that a full push does not name, so the items that it refuses are named
   * without their content. If it refuses even that, their namespaces are left out of the conclusion: then nothing in them
   * is ended.
   */
  async #nameRefused(scopes: OutgoingScope[]): Promise<MasterAnswer> {
    const { db, config } = this.#push.context
    const items = await readRefusedAlone(db, config, { limit: maxItems + 1 })
    if (items.length <= maxItems) {
      const answer = await this.#post({ items, last: true, scopes, namesOnly: true })
      if (answer.status === 200 || isAnswerOfProtocol(answer)) return answer
    }
    const namespaces = new Set(items.map(({ namespace }) => namespace))
    const others = items.length > maxItems ? [] : scopes.filter(({ namespace }) => !namespaces.has(namespace))
    return this.#conclude(others, { partial: true })
  }

  async #conclude(scopes: OutgoingScope[], { partial = false } = {}): Promise<MasterAnswer> {
    const answer = await this.#post({ items: [], last: true, scopes, partial })
    if (answer.status === 200 || isAnswerOfProtocol(answer)) return answer
    return this.#concludeWithout(scopes, answer)
  }

  /** Concludes without the times of namespaces, if they are what the master refuses. The next collection renews them. */
  async #concludeWithout(scopes: OutgoingScope[], refusal: MasterAnswer): Promise<MasterAnswer> {
    if (scopes.length === 0 || !mayBlameContent(refusal, this.#push.run.attempt))
      throw new Undelivered('the push', refusal)
    const answer = await this.#post({ items: [], last: true, scopes: [], partial: true })
    if (answer.status !== 200 && !isAnswerOfProtocol(answer)) throw new Undelivered('the push', answer)
    return answer
  }

  async #post(call: {
    items: OutgoingInterval[]
    last: boolean
    scopes: OutgoingScope[]
    namesOnly?: boolean
    partial?: boolean
  }): Promise<MasterAnswer> {
    const { context, master, run } = this.#push
    const body = batchOf({ context, outbox: this.#outbox, part: this.#part + 1, ...call })
    const answer = await answerTo(this.#push, master.post('/api/collect/batch', body, run.signal))
    if (answer.status === 200) {
      this.#part++
      this.#accepted = true
      if (call.items.length > 0) this.#refusedInARow = 0
    }
    return answer
  }
}

/** An answer about the two sides, not about the items: the master has no batches, or it is out of step. */
const isAnswerOfProtocol = ({ status }: MasterAnswer) => [404, 405, 409, 501].includes(status)
