import { readFileSync } from 'node:fs'
import { request } from 'node:http'
import { Client } from 'pg'
import { localCloudCredentials } from '../../../src/local-cloud/index.ts'
import type { Stack } from '../../helpers/stack.ts'
import { until } from '../../helpers/until.ts'
import { followSse, type SseEvent } from './sse.ts'

export interface Call {
  method?: string
  /** The token: undefined for the administrator's, null for none. */
  token?: string | null
  json?: unknown
  /** A body that is sent unchanged. */
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

export interface DeployRequest {
  app: string
  environment?: 'staging' | 'production'
  script: string
  /** Other fields of `config`. */
  config?: Record<string, unknown>
  options?: Record<string, unknown>
}

export interface Ended {
  id: string
  /** The final status: completed, failed, rolled_back, ... */
  status: string
  events: SseEvent[]
  connections: number
  /** The messages of the log. */
  lines: string[]
}

export type Api = Awaited<ReturnType<typeof signIn>>

export const adminPassword = 'correct-horse-battery-1'

/** Signs in once, because only five attempts a minute are allowed. */
export async function signIn(stack: Stack, password = adminPassword) {
  const first = await send(stack, '/api/v1/auth/login', {
    token: null,
    json: { username: 'admin', password },
  })
  if (first.status !== 200) throw new Error(`signing in answered ${first.status}: ${first.text}`)
  const token: string = first.json.access_token
  const call = (path: string, given: Call = {}) => send(stack, path, { token, ...given })

  async function prepare(wanted: DeployRequest): Promise<string> {
    const { app, environment = 'staging', script, config } = wanted
    const json = { environment, config: { appName: app, script, ...config } }
    const answer = await call('/deploy/prepare', { json })
    if (answer.status !== 200) throw new Error(`prepare answered ${answer.status}: ${answer.text}`)
    return answer.json.data.deploymentId
  }

  async function start(deploymentId: string, wanted: Pick<DeployRequest, 'environment' | 'options'> = {}) {
    const { environment = 'staging', options = {} } = wanted
    return call('/deploy', { json: { deploymentId, environment, options } })
  }

  async function follow(
    id: string,
    about: { onEvent?: (event: SseEvent) => void; timeoutMs?: number } = {},
  ): Promise<Ended> {
    const url = `${stack.origin}/deploy/${id}/logs`
    const { events, connections } = await followSse(url, { token, ...about })
    const lines = events.filter((event) => event.type === 'message').map((event) => event.data.message)
    return { id, status: events.at(-1)?.data.status, events, connections, lines }
  }

  /** Follows in the background. `saw` waits for a line of the log. */
  function watch(id: string) {
    const events: SseEvent[] = []
    const ended = follow(id, { onEvent: (event) => events.push(event) })
    ended.catch(() => undefined)
    const find = (text: string) => events.find(({ data }) => data.message?.includes(text))
    return {
      ended,
      events,
      /** @returns the time of the log line, in ms */
      async saw(text: string, timeoutMs = 20_000): Promise<number> {
        const event = await until(() => find(text), { timeoutMs, what: `the log says "${text}"` })
        return Date.parse(event.data.timestamp)
      },
    }
  }

  return {
    token,
    call,
    watch,
    prepare,
    start,
    follow,
    /** Prepares and starts. @returns the deployment's id. */
    async begin(wanted: DeployRequest): Promise<string> {
      const id = await prepare(wanted)
      const answer = await start(id, wanted)
      if (answer.status !== 202) throw new Error(`deploy answered ${answer.status}: ${answer.text}`)
      return id
    },
    /** Prepares, starts and follows to the end. */
    async deploy(wanted: DeployRequest): Promise<Ended> {
      return follow(await this.begin(wanted))
    },
    async status(id: string) {
      return (await call(`/deploy/${id}/status`)).json.data
    },
    async versions(app: string, environment = 'staging'): Promise<{ deploymentId: string; state: string }[]> {
      return (await call(`/deploy/apps/${app}/${environment}/versions`)).json.data.versions
    },
  }
}

async function send(stack: Stack, path: string, given: Call): Promise<Answer> {
  const headers = new Headers(given.headers)
  if (given.token != null) headers.set('authorization', `Bearer ${given.token}`)
  if (given.json !== undefined) headers.set('content-type', 'application/json')
  const body = given.raw ?? (given.json === undefined ? undefined : JSON.stringify(given.json))
  const method = given.method ?? (body === undefined ? 'GET' : 'POST')
  const init = { method, headers, redirect: 'manual' as const, signal: AbortSignal.timeout(15_000) }
  const answer = await fetch(stack.origin + path, body === undefined ? init : { ...init, body })
  const text = await answer.text()
  const isJson = answer.headers.get('content-type')?.includes('json') && text !== ''
  return { status: answer.status, headers: answer.headers, text, json: isJson ? JSON.parse(text) : undefined }
}

/** Requests an app on the local cloud like a browser, but by IP address: not every resolver supports `*.localhost`. */
export function visit(stack: Stack, app: string, path = '/'): Promise<{ status: number; text: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; text: string }>()
  const headers = { host: `${app}.localhost:${stack.cloudPort}` }
  const about = { host: '127.0.0.1', port: stack.cloudPort, path, headers, agent: false, timeout: 20_000 }
  request(about, (res) => {
    res.setEncoding('utf8')
    let text = ''
    res.on('data', (chunk: string) => {
      text += chunk
    })
    res.on('end', () => resolve({ status: res.statusCode ?? 0, text }))
    res.on('error', reject)
  })
    .on('error', reject)
    .end()
  return promise
}

/** Runs a statement on the stack's database. */
export async function query<Row extends object>(
  stack: Stack,
  sql: string,
  values: unknown[] = [],
): Promise<Row[]> {
  const client = new Client({ connectionString: stack.databaseUrl() })
  await client.connect()
  try {
    return (await client.query<Row>(sql, values)).rows
  } finally {
    await client.end()
  }
}

/** The first example of the documentation. */
const helloScript = readFileSync(new URL('../../../examples/hello/index.js', import.meta.url), 'utf8')
export const hello = {
  script: helloScript,
  config: { durableObjects: ['Counter'], healthCheck: { path: '/health' } },
}

/** The script of an app that answers every request with a text. */
export const saying = (text: string, status = 200) =>
  `export default { fetch: () => new Response(${JSON.stringify(text)}, { status: ${status} }) }`

/** The scripts of the local cloud, read from its API. */
export async function scriptsOf(stack: Stack): Promise<string[]> {
  const scripts = await askCloud<{ id: string }[]>(stack, '')
  return scripts.map((each) => each.id)
}

/** The deployment that uploaded each version of a script. */
export async function versionTagsOf(stack: Stack, script: string): Promise<(string | undefined)[]> {
  type Versions = { items: { annotations?: Record<string, string> }[] }
  const { items } = await askCloud<Versions>(stack, `/${script}/versions`)
  return items.map((each) => each.annotations?.['workers/tag'])
}

async function askCloud<T>(stack: Stack, path: string): Promise<T> {
  const { accountId, apiToken } = localCloudCredentials(stack.dataDir)
  const url = `http://127.0.0.1:${stack.cloudPort}/client/v4/accounts/${accountId}/workers/scripts${path}`
  const answer = await fetch(url, { headers: { authorization: `Bearer ${apiToken}` } })
  return ((await answer.json()) as { result: T }).result
}
