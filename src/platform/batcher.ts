import { isDatabaseUnavailable } from './postgres/index.ts'

/** Groups calls into batches: one flush runs at a time, and calls that arrive meanwhile form the next batch. */
export interface Batcher<Item, Result> {
  /** Resolves with the item's result; rejects with the error of the flush that contained only this item. */
  add(item: Item): Promise<Result>
  /** Resolves once all added items have been flushed. */
  idle(): Promise<void>
}

interface Waiting<Item, Result> {
  item: Item
  resolve(result: Result): void
  reject(error: unknown): void
}

const maxSize = 200
// Under load, waiting up to twice the duration of a flush for further items raised the runner's throughput on
// PostgreSQL by half (the database has other work meanwhile); without it most batches held one or two items.
const lingerOfFlush = 2
const maxLingerMs = 12
/** The time after a batch of several items in which a call counts as part of the same burst. */
const burstMs = 20

/**
 * Flushes a single call at once; under load, calls share round trips (like a group commit). The items of a failed batch
 * are flushed one by one, so that one bad item does not fail the others.
 * @param flush resolves with one result per item, in order; must have no effect if it rejects
 * @param options `linger: false` if callers wait for the result; a batch then holds the calls made during the last
 * flush
 */
export function createBatcher<Item, Result>(
  flush: (items: Item[]) => Promise<Result[]>,
  options: { linger: boolean } = { linger: true },
): Batcher<Item, Result> {
  const waiting: Waiting<Item, Result>[] = []
  let running: Promise<void> | undefined
  let busyUntil = 0
  let flushMs = 0

  async function drain(): Promise<void> {
    do {
      if (options.linger && performance.now() < busyUntil)
        await new Promise((resolve) => setTimeout(resolve, Math.min(maxLingerMs, lingerOfFlush * flushMs)))
      // One turn of the event loop lets calls of the same tick join the batch.
      else await new Promise((resolve) => setImmediate(resolve))
      const batch = waiting.splice(0, maxSize)
      if (batch.length > 1) busyUntil = performance.now() + burstMs
      const startedAt = performance.now()
      await settle(batch)
      flushMs = performance.now() - startedAt
    } while (waiting.length > 0)
    running = undefined
  }

  async function settle(batch: Waiting<Item, Result>[]): Promise<void> {
    try {
      const results = await flush(batch.map((each) => each.item))
      batch.forEach((each, index) => {
        each.resolve(results[index] as Result)
      })
    } catch (error) {
      // With an unreachable database every single item would wait for the same error.
      if (batch.length === 1 || isDatabaseUnavailable(error)) for (const each of batch) each.reject(error)
      else for (const each of batch) await settle([each])
    }
  }

  return {
    add(item) {
      return new Promise((resolve, reject) => {
        waiting.push({ item, resolve, reject })
        running ??= drain()
      })
    },
    async idle() {
      while (running !== undefined) await running
    },
  }
}
