/** A lock for each key: work of the same key runs in the order of the calls, work of other keys concurrently. */
export class KeyedLock<K> {
  readonly #tails = new Map<K, Promise<void>>()

  async run<T>(key: K, work: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(key) ?? Promise.resolve()
    const turn = before.then(work)
    const tail = turn.then(
      () => {},
      () => {},
    )
    this.#tails.set(key, tail)
    try {
      return await turn
    } finally {
      if (this.#tails.get(key) === tail) this.#tails.delete(key)
    }
  }

  /** Resolves when no work of the key is running or waiting. It does not acquire the lock. */
  async idle(key: K): Promise<void> {
    for (let tail = this.#tails.get(key); tail !== undefined; tail = this.#tails.get(key)) await tail
  }
}
