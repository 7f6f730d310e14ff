import { isDatabaseUnavailable } from './postgres/index.ts'

/** Groups calls into batches: one flush runs at a time, and what arrives meanwhile makes the next one. */
export interface Batcher<Item, Result> {
  /** Resolves with this item's result; rejects with the error of the flush that failed with this item alone. */
  add(item: Item): Promise<Result>
  /** Resolves when everything added so far was flushed. */
  idle(): Promise<void>
}

interface Waiting<Item, Result> {
  item: Item
  resolve(result: Result): void
  reject(error: unknown): void
}

const maxSize = 200
// Under load, waiting for company up to twice as long as a flush takes (the database then has other work to do)
// raised the runner's throughput on PostgreSQL by half; without it most batches held one or two items.
const lingerOfFlush = 2
const longestLingerMs = 12
/** How long after a batch of several a call still counts as part of a burst. */
const burstMs = 20

/**
 * A lone call is flushed at once; under load calls share round trips (the shape of a group commit). Items that fail
 * together are flushed one by one, so that one bad item does not fail the others.
 * @param flush answers one result per item, in order; has no effect when it rejects.
 * @param options `linger: false` where callers wait for the answer: a batch is then what came during the one before.
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
        await new Promise((resolve) =>
          setTimeout(resolve, Math.min(longestLingerMs, lingerOfFlush * flushMs)),
        )
      // One turn of the event loop lets calls of the same tick join.
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
      // With an unreachable database every item would only wait for the same error.
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
