/** What is done while a query has no answer. */
export interface QueryWatch {
  /** Milliseconds after which the query is over its limit. */
  limitMs: number
  /** After a short while: the server may be silent. */
  suspect(): void
  /** Every few seconds, only for a query that may take long. Resolves before the time to the next call begins. */
  inspect?: (() => Promise<void>) | undefined
  /** After the limit. */
  expire(): void
}

/** Milliseconds without an answer after which it is asked whether the server answers at all. */
const suspiciousMs = 1500
/** Milliseconds between two looks at a query that may take long. */
const inspectMs = 4000

/** Watches over a query that is sent now. @returns what is to be called with its end. */
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
