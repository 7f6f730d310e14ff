import { addUser } from '../../src/accounts/users/administration.ts'
import { createApp, createSockets } from '../../src/app.ts'
import { createHttpServer } from '../../src/platform/http/index.ts'
import { watched } from '../openapi/watch.ts'
import type { TestContext } from './context.ts'
import { hashPassword } from './passwords.ts'

export interface Call {
  method?: string
  token?: string
  json?: unknown
  /** A body that is sent unchanged; `headers` name its type. */
  raw?: string | Uint8Array<ArrayBuffer>
  headers?: Record<string, string>
}

export interface Answer {
  status: number
  headers: Headers
  text: string
  // biome-ignore lint/suspicious/noExplicitAny: tests read answers of every shape
  json: any
}

const password = 'correct horse battery'
/** Rate limits that only tests of limits reach: tests send requests faster than people. */
const rateLimit = { perSecond: 10_000, burst: 100_000 }

export type Api = Awaited<ReturnType<typeof startApi>>

/** Starts the whole application with a context, on its own port. Each of its responses must be as documented. */
export async function startApi(ctx: TestContext) {
  let stopping = false
  const faults: string[] = []
  const checkResponses = () => {
    if (faults.length === 0) return
    const found = [...new Set(faults.splice(0))]
    throw new Error(`responses are not as openapi.json describes them:\n${found.join('\n')}`)
  }
  const server = createHttpServer(
    watched(
      createApp(ctx, () => stopping),
      faults,
    ),
    { host: '127.0.0.1', port: 0 },
    { upgrade: createSockets(ctx), log: ctx.log },
  )
  await ctx.listener.start()
  await server.start()
  const origin = `http://127.0.0.1:${server.port()}`

  return {
    origin,
    async call(path: string, given: Call = {}): Promise<Answer> {
      const headers = new Headers(given.headers)
      if (given.token !== undefined) headers.set('authorization', `Bearer ${given.token}`)
      if (given.json !== undefined) headers.set('content-type', 'application/json')
      const body = given.raw ?? (given.json === undefined ? undefined : JSON.stringify(given.json))
      const method = given.method ?? (body === undefined ? 'GET' : 'POST')
      const init = { method, headers, redirect: 'manual' as const }
      const answer = await fetch(origin + path, body === undefined ? init : { ...init, body })
      const text = await answer.text()
      checkResponses()
      const isJson = answer.headers.get('content-type')?.includes('json') && text !== ''
      return {
        status: answer.status,
        headers: answer.headers,
        text,
        json: isJson ? JSON.parse(text) : undefined,
      }
    },
    /** Creates a user and signs it in. @returns the user's JWT. */
    async signIn(username: string, isAdmin = false): Promise<string> {
      const passwordHash = await hashPassword(password)
      const email = `${username}@example.org`
      await addUser(ctx.db, { username, email, passwordHash, isAdmin, rateLimit })
      const answer = await this.call('/api/v1/auth/login', { json: { username, password } })
      if (answer.status !== 200) throw new Error(`signing in answered ${answer.status}: ${answer.text}`)
      return answer.json.access_token
    },
    /** Throws for responses so far that are not as documented. `call` and `stop` do it themselves. */
    checkResponses,
    /** Makes `/health/ready` report a stopping process from now on. */
    beginStopping() {
      stopping = true
    },
    /** @throws for responses, those of streams included, that are not as documented */
    async stop() {
      await server.stop()
      checkResponses()
    },
  }
}
