import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { allRoutes, allSockets } from '../../src/app.ts'
import { loadConfig } from '../../src/config.ts'
import { createContext } from '../../src/context.ts'
import type { Route } from '../../src/platform/http/index.ts'
import type { SocketRoute } from '../../src/platform/sockets/index.ts'

export interface Table {
  routes: Route[]
  sockets: SocketRoute[]
}

/** Runs `work` with all routes that an installation can have. Nothing is connected, and no settings are read. */
export async function withRoutes<T>(work: (table: Table) => Promise<T>): Promise<T> {
  const config = loadConfig({
    DATABASE_URL: 'postgresql://nobody@127.0.0.1:1/none',
    SECRET_KEY: 'a-secret-key-of-the-document-0123',
    DATA_DIR: join(tmpdir(), 'openapi'),
    CLOUDFLARE_TARGET: 'local',
    LOG_LEVEL: 'error',
    // A master has the routes of all modes with their bodies.
    MODE: 'master',
    API_KEYS: 'admin:a-key-of-the-document-0123456789abcdef',
  })
  const ctx = createContext(config, 'openapi')
  try {
    return await work({ routes: allRoutes(ctx, () => false), sockets: allSockets(ctx) })
  } finally {
    await ctx.dispose()
  }
}
