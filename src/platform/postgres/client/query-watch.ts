/** The callbacks while a query has no answer. */
export interface QueryWatch {
  /** The time limit of the query, in milliseconds. */
  limitMs: number
  /** Called after a short time without an answer, since the server may be silent. */
  suspect(): void
  /** Called every few seconds, for queries that may take long. The next interval begins when it has resolved. */
  inspect?: (() => Promise<void>) | undefined
  /** Called when the limit is exceeded. */
  expire(): void
}

/** Milliseconds without an answer after which `suspect` is called. */
const suspiciousMs = 1500
/** Milliseconds between two calls of `inspect`. */
const inspectMs = 4000

/** Starts the timers of a query that is being sent. @returns the function to call when the query has ended. */
export function watchQuery({ limitMs, suspect, inspect, expire }: QueryWatch): () => void {
  let ended = false
  let expiry = setTimeout(onSuspicion, Math.min(limitMs, suspiciousMs))
  let inspection = inspect === undefined ? undefined : setTimeout(onInspection, inspectMs, inspect)

  function onSuspicion(): void {
    if (limitMs <= suspiciousMs) expire()
    else {
      expiry = setTimeout(expire, limitMs - suspiciousMs)
      suspect()
    }
  }

  async function onInspection(run: () => Promise<void>): Promise<void> {
    await run()
    if (!ended) inspection = setTimeout(onInspection, inspectMs, run)
  }

  return () => {
    ended = true
    clearTimeout(expiry)
    clearTimeout(inspection)
  }
}
