import type pg from 'pg'
import { BoundedClient } from './bounded-client.ts'
import type { ClientLimits } from './connection-limits.ts'

/** The client class for a pool that creates its connections itself. */
export function boundedClient(limits: ClientLimits): typeof pg.Client {
  return class extends BoundedClient {
    constructor(config: string | pg.ClientConfig = {}) {
      super(typeof config === 'string' ? { connectionString: config } : config, limits)
    }
  }
}

/** Validates a pooled connection before it is used. */
export const isAlive = (client: unknown): boolean | Promise<boolean> =>
  !(client instanceof BoundedClient) || client.isAlive()
