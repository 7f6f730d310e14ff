import type { AddressInfo } from 'node:net'
import express, { type Express } from 'express'
import { createAccounts } from '../../src/accounts/index.ts'
import { loadConfig } from '../../src/config.ts'
import { createListener } from '../../src/platform/events/index.ts'
import { createHttpApp } from '../../src/platform/http/app.ts'
import { type Route, route } from '../../src/platform/http/index.ts'
import { mount } from '../../src/platform/http/routing/router.ts'
import { installationNamed } from '../../src/platform/installation/installation-id.ts'
import { createLogger } from '../../src/platform/logging/logging.ts'
import { createDb } from '../../src/platform/postgres/db.ts'
import { createRateLimiter, createRateLimits } from '../../src/platform/rate-limit/index.ts'
import { createSecrets } from '../../src/platform/secrets.ts'
import { undocumented } from '../../test/helpers/undocumented.ts'

/** Serves one constant body in four ways, each on a port of its own; told to the parent process. */
const body = Buffer.from(JSON.stringify({ text: 'x'.repeat(8000) }))

function bare(etag: boolean): Express {
  const app = express()
  app.set('etag', etag)
  app.get('/hot', (_req, res) => void res.type('json').send(body))
  return app
}

function hot(protection: Partial<Route>): Route {
  return {
    ...route({
      ...undocumented,
      method: 'get',
      path: '/hot',
      access: 'open',
      limit: 'none',
      async handle({ res }) {
        res.type('json').send(body)
        return undefined
      },
    }),
    ...protection,
  }
}

async function main(): Promise<void> {
  const config = loadConfig(process.env)
  const databaseUrl = config.databaseUrl ?? ''
  const log = createLogger({ level: 'info', process: 'bench' })
  const db = createDb({ url: databaseUrl, name: 'bench' })
  let queries = 0
  db.on('query', () => {
    queries += 1
  })
  const listener = createListener(databaseUrl, log)
  const secrets = createSecrets(config.secretKey, [])
  const accounts = createAccounts({ db, secrets, config, log, listener })
  await listener.start()
  const installation = installationNamed('bench')

  const framed = (redisUrl: string | undefined, protection: Partial<Route>): Express => {
    const limits = createRateLimits(createRateLimiter({ redisUrl, log, installation }), config.rateLimits)
    const { authenticate } = accounts
    const router = mount([hot(protection)], { db, version: 'bench', authenticate, limits })
    return createHttpApp({ log, trustedProxies: [], secure: false, routers: [router] })
  }
  const guarded = { access: 'orchestrators:read', limit: 'principal' } as const
  const apps = {
    'bare Express': bare(false),
    'bare Express, with its ETag': bare(true),
    'frame only (ids, log, security headers)': framed(undefined, {}),
    'frame + token + limit in process': framed(undefined, guarded),
    'frame + token + limit on Redis': framed(config.redisUrl, guarded),
  }
  const ports: Record<string, number> = {}
  for (const [name, app] of Object.entries(apps)) {
    const server = app.listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    ports[name] = (server.address() as AddressInfo).port
  }
  process.on('message', () => process.send?.({ cpu: process.cpuUsage(), queries }))
  process.send?.({ ports })
}

await main()
