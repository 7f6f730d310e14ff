import type { S3Client } from '@aws-sdk/client-s3'

/** The store's time, from the `Date` header of its responses, because the store decides whether a link has expired. */
export interface StoreClock {
  now(): Date
  /** Reads the time from all responses to a client. */
  follow(client: S3Client): void
}

/** Smaller differences are ignored: `Date` counts whole seconds, and the response takes time to arrive. */
const toleranceMs = 2000
/** Slower responses are ignored as too imprecise. */
const slowResponseMs = 10_000

export function createStoreClock(): StoreClock {
  let aheadMs = 0

  function updateOffset(date: string | undefined, sentAt: number): void {
    const storeTime = Date.parse(date ?? '')
    const receivedAt = Date.now()
    if (Number.isNaN(storeTime) || receivedAt - sentAt > slowResponseMs) return
    const difference = storeTime + 500 - (sentAt + receivedAt) / 2
    aheadMs = Math.abs(difference) < toleranceMs ? 0 : Math.round(difference)
  }

  return {
    now: () => new Date(Date.now() + aheadMs),
    follow(client) {
      client.middlewareStack.add(
        (next) => async (args) => {
          const sentAt = Date.now()
          const result = await next(args)
          const { headers } = result.response as { headers?: Record<string, string> }
          updateOffset(headers?.date, sentAt)
          return result
        },
        // Closest to the network, before an error response becomes an exception.
        { step: 'deserialize', priority: 'low', name: 'storeClock' },
      )
    },
  }
}
