import type { S3Client } from '@aws-sdk/client-s3'

/** The store's time, by the `Date` header of its answers: it is the store that decides whether a link has expired. */
export interface StoreClock {
  now(): Date
  /** Listens to the answers that a client gets. */
  follow(client: S3Client): void
}

/** `Date` counts whole seconds and the answer takes its time: less than this is no difference of clocks. */
const noiseMs = 2000
/** An answer that took longer says too little about the present. */
const slowMs = 10_000

export function createStoreClock(): StoreClock {
  let aheadMs = 0

  function learn(date: string | undefined, sentAt: number): void {
    const told = Date.parse(date ?? '')
    const receivedAt = Date.now()
    if (Number.isNaN(told) || receivedAt - sentAt > slowMs) return
    const difference = told + 500 - (sentAt + receivedAt) / 2
    aheadMs = Math.abs(difference) < noiseMs ? 0 : Math.round(difference)
  }

  return {
    now: () => new Date(Date.now() + aheadMs),
    follow(client) {
      client.middlewareStack.add(
        (next) => async (args) => {
          const sentAt = Date.now()
          const result = await next(args)
          const { headers } = result.response as { headers?: Record<string, string> }
          learn(headers?.date, sentAt)
          return result
        },
        // Nearest to the network: before an error's answer is made into an exception.
        { step: 'deserialize', priority: 'low', name: 'storeClock' },
      )
    },
  }
}
