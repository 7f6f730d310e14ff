import type pg from 'pg'
import { BoundedClient } from './bounded-client.ts'
import type { ClientLimits } from './connection-limits.ts'

/** The class for a pool that makes its connections itself. */
export function boundedClient(limits: ClientLimits): typeof pg.Client {
  return class extends BoundedClient {
    constructor(config: string | pg.ClientConfig = {}) {
      super(typeof config === 'string' ? { connectionString: config } : config, limits)
    }
  }
}

/** For a pool, before it lends a connection out. */
export const isAlive = (client: unknown): boolean | Promise<boolean> =>
  !(client instanceof BoundedClient) || client.isAlive()
