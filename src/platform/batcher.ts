/** Groups calls into batches: one flush runs at a time, and what arrives meanwhile makes the next one. */
export interface Batcher<Item, Result> {
  /** Resolves with this item's result; rejects with the flush's error. */
  add(item: Item): Promise<Result>
  /** Resolves when everything added so far was flushed. */
  idle(): Promise<void>
}

interface Waiting<Item, Result> {
  item: Item
  resolve(result: Result): void
  reject(error: unknown): void
}

/**
 * No timer: a lone call is flushed at once, a burst shares round trips (the shape of a group commit).
 * @param flush answers one result per item, in order.
 */
export function createBatcher<Item, Result>(
  flush: (items: Item[]) => Promise<Result[]>,
  maxSize = 200,
): Batcher<Item, Result> {
  const waiting: Waiting<Item, Result>[] = []
  let running: Promise<void> | undefined

  async function drain(): Promise<void> {
    // One turn of the event loop lets calls of the same burst join the first batch.
    await new Promise((resolve) => setImmediate(resolve))
    while (waiting.length > 0) {
      const batch = waiting.splice(0, maxSize)
      try {
        const results = await flush(batch.map((each) => each.item))
        batch.forEach((each, index) => {
          each.resolve(results[index] as Result)
        })
      } catch (error) {
        for (const each of batch) each.reject(error)
      }
    }
    running = undefined
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
