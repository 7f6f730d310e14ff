import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import express from 'express'
import type { Knex } from 'knex'
import pino from 'pino'
import { AccountPrincipal, type Accounts, createAccounts } from '../../src/accounts/index.ts'
import { addUser } from '../../src/accounts/users/administration.ts'
import { loadConfig } from '../../src/config.ts'
import { answerErrors } from '../../src/platform/http/error-answers.ts'
import { route } from '../../src/platform/http/route.ts'
import { frame } from '../../src/platform/http/routing/frame.ts'
import { mount } from '../../src/platform/http/routing/router.ts'
import { installationNamed } from '../../src/platform/installation/installation-id.ts'
import { createDb } from '../../src/platform/postgres/db.ts'
import { createRateLimiter, createRateLimits } from '../../src/platform/rate-limit/index.ts'
import { createSecrets } from '../../src/platform/secrets.ts'
import { hashPassword } from '../helpers/passwords.ts'
import { createTestDatabase } from '../helpers/servers/postgres-server.ts'
import { undocumented } from '../helpers/undocumented.ts'

export const password = 'correct horse battery'
const rateLimit = { perSecond: 10_000, burst: 100_000 }
export const rateLimits = {
  ...loadConfig({ DATABASE_URL: 'postgres://x', SECRET_KEY: 'a-secret-key-of-the-tests-0123456789' })
    .rateLimits,
  address: rateLimit,
}
export const secretKey = 'a-secret-key-of-the-tests-0123456789'

const startTime = '2026-06-01T12:00:00.000Z'

interface Call {
  method?: string
  bearer?: string | undefined
  cookie?: string
  json?: unknown
  form?: Record<string, string>
  headers?: Record<string, string>
  address?: string
  /** The origin of another process; default: the first one. */
  origin?: string
}

export interface Answer {
  status: number
  headers: Headers
  text: string
  // biome-ignore lint/suspicious/noExplicitAny: tests read responses of any shape
  json: any
}

/** Starts the accounts behind a small app with a separate database and a clock that does not advance by itself. */
export async function startAccounts(options: { publicUrl?: string } = {}) {
  const database = await createTestDatabase()
  const db = createDb({ url: database.url, name: 'test' })
  const clock = { now: new Date(startTime) }
  const logLines: string[] = []
  // This logger has no allow-list, unlike the real one, so a secret passed to it is detected.
  const log = pino({ level: 'trace' }, { write: (line: string) => void logLines.push(line) })
  const secrets = createSecrets(secretKey)
  const config = { publicUrl: options.publicUrl ?? 'http://127.0.0.1:8000', rateLimits }
  const limits = createRateLimits(
    createRateLimiter({ redisUrl: undefined, log, installation: installationNamed('test') }),
    rateLimits,
  )
  const make = () => createAccounts({ db, secrets, config, log, now: () => new Date(clock.now) })
  const accounts = make()
  const servers: Server[] = []

  /** Starts a web process: the routes of these accounts on a separate port. */
  async function serve(instance: Accounts): Promise<string> {
    const app = express()
    app.set('trust proxy', true)
    app.use(frame(app, { log, secure: false }))
    const routes = [...instance.routes, ...probes]
    app.use(mount(routes, { db, version: 'test', authenticate: instance.authenticate, limits }))
    app.use(answerErrors(log))
    const server = app.listen(0, '127.0.0.1')
    servers.push(server)
    await new Promise((resolve) => server.once('listening', resolve))
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  }
  const origin = await serve(accounts)
  let caller = 0

  async function call(path: string, options: Call = {}): Promise<Answer> {
    const headers = new Headers(options.headers)
    // Every call has a new address, unless the test sets one.
    caller += 1
    headers.set('x-forwarded-for', options.address ?? `10.0.${caller >> 8}.${caller & 255}`)
    if (options.bearer !== undefined) headers.set('authorization', `Bearer ${options.bearer}`)
    if (options.cookie !== undefined) headers.set('cookie', options.cookie)
    if (options.json !== undefined) headers.set('content-type', 'application/json')
    const body = options.form ? new URLSearchParams(options.form) : JSON.stringify(options.json)
    const method = options.method ?? (options.json || options.form ? 'POST' : 'GET')
    const answer = await fetch((options.origin ?? origin) + path, {
      method,
      headers,
      redirect: 'manual',
      ...(body ? { body } : {}),
    })
    const text = await answer.text()
    const isJson = answer.headers.get('content-type')?.includes('json')
    return {
      status: answer.status,
      headers: answer.headers,
      text,
      json: isJson ? JSON.parse(text) : undefined,
    }
  }

  return {
    db,
    clock,
    log,
    logLines,
    secrets,
    accounts,
    make,
    call,
    origin,
    /** Starts another web process on the same database. @returns its origin */
    another: () => serve(make()),
    /** Advances the clock, and ages the rows of limits and places, which use the database's clock. */
    async advance(ms: number) {
      clock.now = new Date(clock.now.getTime() + ms)
      const before = (column: string) => db.raw(`?? - ? * interval '1 ms'`, [column, ms])
      const hits = db.raw(`array(select h - ? * interval '1 ms' from unnest(hits) h)`, [ms])
      await db('login_limits').update({ hits, expires_at: before('expires_at') })
      const used = { last_used_at: before('last_used_at'), expires_at: before('expires_at') }
      await db('sign_in_places').update(used)
    },
    /** Removes all users with what belongs to them, and resets the clock: for files whose tests share one database. */
    async clear() {
      for (const table of ['login_limits', 'users']) await db(table).delete()
      clock.now = new Date(startTime)
      logLines.length = 0
    },
    async user(username: string, isAdmin = false) {
      const passwordHash = await hashPassword(password)
      return addUser(db, { username, email: `${username}@example.org`, passwordHash, isAdmin, rateLimit })
    },
    async signIn(username: string, word = password): Promise<string> {
      const answer = await call('/api/v1/auth/login', { json: { username, password: word } })
      return answer.json.access_token
    },
    async browser(username: string) {
      const answer = await call('/login', { form: { username, password } })
      const pairs = answer.headers.getSetCookie().map((each) => each.split(';')[0] ?? '')
      const csrf = pairs.find((each) => each.startsWith('XSRF-TOKEN='))?.slice('XSRF-TOKEN='.length) ?? ''
      return { cookie: pairs.join('; '), csrf, answer }
    },
    async close() {
      for (const server of servers) {
        server.closeAllConnections()
        await new Promise((resolve) => server.close(resolve))
      }
      await accounts.stop()
      await db.destroy()
      await database.drop()
    },
  }
}

export type Harness = Awaited<ReturnType<typeof startAccounts>>

/** Routes of another domain, which return the principal's permissions. */
const probes = [
  route({
    ...undocumented,
    method: 'get',
    path: '/probe',
    access: 'signed-in',
    async handle({ principal }) {
      if (!(principal instanceof AccountPrincipal)) throw new Error('no account')
      return {
        body: { kind: principal.kind, permissions: [...principal.permissions], admin: principal.isAdmin },
      }
    },
  }),
  route({
    ...undocumented,
    method: 'post',
    path: '/probe',
    access: 'signed-in',
    handle: async () => ({ body: 'done' }),
  }),
]

export async function rows(db: Knex, table: string): Promise<Record<string, unknown>[]> {
  return db(table).select()
}
