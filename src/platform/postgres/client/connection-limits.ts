export interface ClientLimits {
  /** Milliseconds from sending a query to its last row. */
  queryMs: number
}

/** Milliseconds of silence after which the operating system asks whether the other side still exists. */
const keepAliveDelayMs = 10_000

/** What every connection to PostgreSQL is opened with. The first limit is for all until the first query can be sent. */
export const connectionLimits = {
  connectionTimeoutMillis: 5000,
  keepAlive: true,
  keepAliveInitialDelayMillis: keepAliveDelayMs,
} as const
