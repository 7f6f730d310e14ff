import { generateKeyPairSync, randomBytes, verify } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { ApiCall, Fault } from '../cloudflare/fault-proxy.ts'
import { breaches, least } from './contract.ts'

// biome-ignore lint/suspicious/noExplicitAny: tests look into single fields
type Json = any
type Permissions = Record<string, string>

export interface FakeInstallation {
  id: number
  owner: string
  repos: string[]
  permissions: Permissions
  suspended?: boolean
}

export interface FakeRecord {
  id: number
  repo: string
  sha: string
  environment: string
  payload: Json
  statuses: { state: string; log_url?: string; environment_url?: string }[]
}

interface Refused {
  status: number
  message: string
  headers?: Record<string, string>
}

export interface GitHubFault {
  method?: string
  path: RegExp
  times?: number
  /** `drop`: the connection breaks before anything happens; `lose`: after it has. */
  fault: Refused | 'drop' | 'lose'
}

const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })

/** The App's key in both of the forms that GitHub and people hand out. */
export const appKey = {
  pkcs1: privateKey.export({ type: 'pkcs1', format: 'pem' }).toString(),
  pkcs8: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
}
export const otherKey = () =>
  generateKeyPairSync('rsa', { modulusLength: 2048 })
    .privateKey.export({ type: 'pkcs8', format: 'pem' })
    .toString()

const refuse = (status: number, message: string, headers: Record<string, string> = {}): Refused => ({
  status,
  message,
  headers,
})
class Refusal extends Error {
  readonly refused: Refused
  constructor(refused: Refused) {
    super(refused.message)
    this.refused = refused
  }
}

/** GitHub's API for one App: real signatures, tokens with what they were given, records, commit statuses, a clock. */
export async function startFakeGitHub(appId = '4711') {
  const state = {
    installations: [] as FakeInstallation[],
    /** `owner/repo` -> ref -> sha */
    refs: {} as Record<string, Record<string, string>>,
    /** sha -> context -> state */
    commits: {} as Record<string, Record<string, string>>,
    records: [] as FakeRecord[],
    tokens: new Map<
      string,
      { installation: number; permissions: Permissions; repos: string[]; ends: number }
    >(),
    /** How far GitHub's clock is ahead of ours, in seconds. */
    clockAhead: 0,
    tokenLifeSeconds: 3600,
  }
  const calls: ApiCall[] = []
  const violations: string[] = []
  const faults: GitHubFault[] = []
  let choose: (call: ApiCall) => Fault | undefined = () => undefined
  const jtis = new Set<string>()
  let nextId = 1000
  const now = () => Math.floor(Date.now() / 1000) + state.clockAhead

  function requireApp(req: IncomingMessage): void {
    const [, head = '', body = '', signature = ''] =
      /^bearer ([\w-]+)\.([\w-]+)\.([\w-]+)$/i.exec(req.headers.authorization ?? '') ?? []
    const decoded = (part: string) => JSON.parse(Buffer.from(part, 'base64url').toString() || '{}')
    const data = Buffer.from(`${head}.${body}`)
    const signed = verify('RSA-SHA256', data, publicKey, Buffer.from(signature, 'base64url'))
    if (head === '' || !signed || decoded(head).alg !== 'RS256')
      throw new Refusal(refuse(401, 'A JSON web token could not be decoded'))
    const { iss, iat, exp, jti } = decoded(body)
    if (String(iss) !== appId) throw new Refusal(refuse(404, 'Integration not found'))
    if (iat > now())
      throw new Refusal(
        refuse(
          401,
          "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued",
        ),
      )
    if (exp <= now())
      throw new Refusal(
        refuse(
          401,
          "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires",
        ),
      )
    if (exp > now() + 600)
      throw new Refusal(refuse(401, "'Expiration time' claim ('exp') is too far in the future"))
    if (jtis.has(jti)) throw new Refusal(refuse(404, 'Not Found'))
    jtis.add(jti)
  }

  function requireToken(
    req: IncomingMessage,
    about: { repo: string; permission: string; level: string },
  ): void {
    const [, text = ''] = /^token (\S+)$/.exec(req.headers.authorization ?? '') ?? []
    const token = state.tokens.get(text)
    if (token === undefined || token.ends <= now()) throw new Refusal(refuse(401, 'Bad credentials'))
    if (state.installations.find(({ id }) => id === token.installation)?.suspended)
      throw new Refusal(refuse(403, 'This installation has been suspended'))
    if (!token.repos.includes(about.repo)) throw new Refusal(refuse(404, 'Not Found'))
    const held = token.permissions[about.permission]
    if (held !== 'write' && held !== about.level)
      throw new Refusal(refuse(403, 'Resource not accessible by integration'))
  }

  function mint(id: number, body: Json) {
    const installation = state.installations.find((each) => each.id === id)
    if (installation === undefined) throw new Refusal(refuse(404, 'Not Found'))
    if (installation.suspended) throw new Refusal(refuse(403, 'This installation has been suspended'))
    const asked: Permissions = body.permissions ?? installation.permissions
    for (const [name, level] of Object.entries(asked)) {
      const held = installation.permissions[name]
      if (held !== 'write' && held !== level)
        throw new Refusal(refuse(422, 'The permissions requested are not granted to this installation.'))
    }
    const repos: string[] = body.repositories ?? installation.repos
    if (repos.some((each) => !installation.repos.includes(each)))
      throw new Refusal(
        refuse(
          422,
          'There is at least one repository that does not exist or is not accessible to the parent installation.',
        ),
      )
    const token = `ghs_${appId}_${randomBytes(120).toString('base64url')}.${randomBytes(90).toString('base64url')}`
    const ends = now() + state.tokenLifeSeconds
    const permissions = { metadata: 'read', ...asked }
    state.tokens.set(token, { installation: id, permissions, repos, ends })
    const expires_at = new Date(ends * 1000).toISOString()
    const repository_selection = body.repositories === undefined ? 'all' : 'selected'
    return { status: 201, body: { token, expires_at, permissions, repository_selection } }
  }

  const shaOf = (repo: string, ref: string) => {
    const refs = state.refs[repo] ?? {}
    return refs[ref] ?? Object.values(refs).find((sha) => sha === ref)
  }
  const shown = (record: FakeRecord) => ({
    ...least('deployment'),
    ...{ id: record.id, sha: record.sha, ref: record.sha, task: 'deploy' },
    ...{ payload: record.payload, environment: record.environment },
  })
  const statusOf = (context: string, state: string) => ({ ...least('simple-commit-status'), context, state })

  function answer(req: IncomingMessage, url: URL, body: Json): { status: number; body: Json } {
    const { method = '' } = req
    const { pathname: path } = url
    const [, installation] = /^\/app\/installations\/(\d+)\/access_tokens$/.exec(path) ?? []
    if (method === 'POST' && installation !== undefined) {
      requireApp(req)
      return mint(Number(installation), body)
    }
    const [, owner = '', name = '', rest = ''] = /^\/repos\/([^/]+)\/([^/]+)\/(.+)$/.exec(path) ?? []
    const repo = `${owner}/${name}`
    if (method === 'GET' && rest === 'installation') {
      requireApp(req)
      const found = state.installations.find((each) => each.owner === owner && each.repos.includes(name))
      if (found === undefined) throw new Refusal(refuse(404, 'Not Found'))
      const suspended_at = found.suspended ? '2026-01-01T00:00:00Z' : null
      return { status: 200, body: { ...least('installation'), id: found.id, suspended_at } }
    }
    const [, ref] = /^commits\/(.+)\/status$/.exec(rest) ?? []
    if (method === 'GET' && ref !== undefined) {
      requireToken(req, { repo: name, permission: 'statuses', level: 'read' })
      const sha = shaOf(repo, decodeURIComponent(ref))
      if (sha === undefined) throw new Refusal(refuse(404, 'Not Found'))
      const statuses = Object.entries(state.commits[sha] ?? {}).map(([context, at]) => statusOf(context, at))
      const whole = { state: 'pending', sha, statuses, total_count: statuses.length }
      return { status: 200, body: { ...least('combined-commit-status'), ...whole } }
    }
    const [, sha] = /^statuses\/(\w+)$/.exec(rest) ?? []
    if (method === 'POST' && sha !== undefined) {
      requireToken(req, { repo: name, permission: 'statuses', level: 'write' })
      state.commits[sha] = { ...state.commits[sha], [body.context]: body.state }
      return { status: 201, body: { ...least('status'), context: body.context, state: body.state } }
    }
    if (rest === 'deployments' && method === 'GET') {
      requireToken(req, { repo: name, permission: 'deployments', level: 'read' })
      const [wantedSha, environment] = [url.searchParams.get('sha'), url.searchParams.get('environment')]
      const found = state.records.filter(
        (each) =>
          each.repo === repo &&
          each.sha === (wantedSha ?? each.sha) &&
          each.environment === (environment ?? each.environment),
      )
      return { status: 200, body: found.toReversed().map(shown) }
    }
    if (rest === 'deployments' && method === 'POST') {
      requireToken(req, { repo: name, permission: 'deployments', level: 'write' })
      const at = shaOf(repo, body.ref)
      if (at === undefined) throw new Refusal(refuse(422, `No ref found for: ${body.ref}`))
      const contexts = state.commits[at] ?? {}
      const required: string[] = body.required_contexts ?? Object.keys(contexts)
      if (required.some((context) => contexts[context] !== 'success'))
        throw new Refusal(refuse(409, 'Conflict: Commit status checks failed'))
      const { payload, environment } = body
      const record = { id: ++nextId, repo, sha: at, environment, payload, statuses: [] }
      state.records.push(record)
      return { status: 201, body: shown(record) }
    }
    const [, recordId] = /^deployments\/(\d+)\/statuses$/.exec(rest) ?? []
    const record = state.records.find((each) => each.id === Number(recordId) && each.repo === repo)
    if (record === undefined) throw new Refusal(refuse(404, 'Not Found'))
    if (method === 'GET') {
      requireToken(req, { repo: name, permission: 'deployments', level: 'read' })
      const statuses = record.statuses.map((each) => ({ ...least('deployment-status'), ...each }))
      return { status: 200, body: statuses.toReversed() }
    }
    requireToken(req, { repo: name, permission: 'deployments', level: 'write' })
    record.statuses.push(body)
    return { status: 201, body: { ...least('deployment-status'), state: body.state } }
  }

  function faultFor(method: string, path: string): GitHubFault['fault'] | undefined {
    const found = faults.find(
      (each) => (each.method ?? method) === method && each.path.test(path) && (each.times ?? 1) > 0,
    )
    if (found !== undefined) found.times = (found.times ?? 1) - 1
    return found?.fault
  }

  async function serve(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    for await (const chunk of req) chunks.push(chunk)
    const text = Buffer.concat(chunks).toString()
    const body = text === '' ? undefined : JSON.parse(text)
    const url = new URL(req.url ?? '/', 'http://github')
    const { method = '' } = req
    const call: ApiCall = { method, path: url.pathname, body, at: Date.now(), status: undefined }
    calls.push(call)
    const chosen = choose(call)
    if (chosen?.kind === 'drop') {
      await chosen.meanwhile?.()
      return void res.destroy()
    }
    const fault = chosen?.kind === 'lose' ? 'lose' : faultFor(method, url.pathname)
    if (fault === 'drop') return void res.destroy()
    const send = (status: number, answered: Json, headers: Record<string, string> = {}) => {
      call.status = status
      const date = new Date(now() * 1000).toUTCString()
      res
        .writeHead(status, { 'content-type': 'application/json', date, ...headers })
        .end(JSON.stringify(answered))
    }
    if (url.pathname === '/meta') return send(200, { verifiable_password_authentication: false })
    if (typeof fault === 'object') return send(fault.status, { message: fault.message }, fault.headers)
    try {
      const { status, body: answered } = answer(req, url, body)
      violations.push(...breaches({ method, path: url.pathname, status, sent: body, answered }))
      if (chosen?.kind === 'lose' || chosen?.kind === 'pass') await chosen.meanwhile?.()
      if (fault === 'lose') return void res.destroy()
      send(status, answered)
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      const { status, message, headers } = error.refused
      send(status, { message, documentation_url: 'https://docs.github.com/rest' }, headers)
    }
  }

  const server = createServer((req, res) => {
    serve(req, res).catch((error: unknown) => {
      violations.push(String(error))
      res.destroy()
    })
  })
  server.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    ...{ state, calls, violations, baseUrl },
    env: { GITHUB_API_BASE_URL: baseUrl, GITHUB_APP_ID: appId, GITHUB_APP_PRIVATE_KEY: appKey.pkcs1 },
    fault: (rule: GitHubFault) => faults.push({ times: 1, ...rule }),
    made: (method: string, path: RegExp) =>
      calls.filter((call) => call.method === method && path.test(call.path)),
    /** Asked before the faults, for every call; knows `drop`, `lose` and `pass`. */
    decide(by: typeof choose) {
      choose = by
    },
    reset() {
      calls.length = 0
      faults.length = 0
      choose = () => undefined
    },
    async stop() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
