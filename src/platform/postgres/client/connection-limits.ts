export interface ClientLimits {
  /** Milliseconds from sending a query to its last row. */
  queryMs: number
}

/** Milliseconds of silence after which the operating system sends TCP keep-alive probes. */
const keepAliveDelayMs = 10_000

/** The options of every connection to PostgreSQL. `connectionTimeoutMillis` limits all before the first query. */
export const connectionLimits = {
  connectionTimeoutMillis: 5000,
  keepAlive: true,
  keepAliveInitialDelayMillis: keepAliveDelayMs,
} as const
