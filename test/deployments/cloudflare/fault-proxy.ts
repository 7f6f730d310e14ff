import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { assertConforms } from '../../local-cloud/contract/contract.ts'

const prefix = '/client/v4'

/** One call of the API, as it passed. */
export interface ApiCall {
  method: string
  /** Below the base URL, without the query. */
  path: string
  /** JSON, `{metadata}` of an upload of code, or `{<hash>: ''}` of an upload of static files. */
  // biome-ignore lint/suspicious/noExplicitAny: bodies are held to the contract; tests look into single fields
  body: any
  at: number
  /** What the client got; undefined when it got nothing whole. */
  status: number | undefined
}

type Meanwhile = () => Promise<void> | void

/** What happens to one call. `meanwhile` is awaited at the point that it names. */
export type Fault =
  | { kind: 'answer'; status: number; headers?: Record<string, string>; body?: string }
  /** The connection breaks before the cloud gets the call. */
  | { kind: 'drop'; meanwhile?: Meanwhile }
  /** The cloud does it, but the connection breaks before its answer. */
  | { kind: 'lose'; meanwhile?: Meanwhile }
  /** It waits on its way, and gets to the cloud when `until` is over, whether or not its sender still waits. */
  | { kind: 'hold'; until: Promise<unknown>; reached: () => void; arrived: () => void }
  /** The connection breaks in the middle of the answer. */
  | { kind: 'truncate' }
  /** The connection stays, and no answer comes; the cloud has done it or has not got it. */
  | { kind: 'silence'; done: boolean }
  /** Nothing happens to it. */
  | { kind: 'pass'; meanwhile?: Meanwhile }

export interface Rule {
  method?: string
  path: RegExp
  /** How often; by default once. */
  times?: number
  fault: Fault
}

export const refusal = (status: number, code: number, message: string): Fault => ({
  kind: 'answer',
  status,
  body: JSON.stringify({ success: false, errors: [{ code, message }], messages: [], result: null }),
})

interface Passing {
  req: IncomingMessage
  res: ServerResponse
  sent: Buffer
}

/**
 * Stands before the local cloud: holds every call and answer to the published contract, notes them, and makes the
 * faults that a test asks for. Requests to the Workers themselves go through untouched.
 */
export async function startFaultProxy(cloudPort: number) {
  // A connection per call would cost as much as the call.
  const agent = new Agent({ host: '127.0.0.1', port: cloudPort, keepAlive: true })
  const calls: ApiCall[] = []
  const violations: string[] = []
  const rules: Rule[] = []
  let lostHeaders: string[] = []
  let choose: (call: ApiCall) => Fault | undefined = () => undefined

  function faultFor(call: ApiCall): Fault {
    const chosen = choose(call)
    if (chosen !== undefined) return chosen
    const rule = rules.find(
      (each) =>
        each.path.test(call.path) &&
        (each.method ?? call.method) === call.method &&
        (each.times === undefined || each.times > 0),
    )
    if (rule === undefined) return { kind: 'pass' }
    rule.times = (rule.times ?? 1) - 1
    return rule.fault
  }

  function check(call: ApiCall, answer: { status: number; body: Buffer }): void {
    // Public, and outside of the published selection.
    if (call.path === '/ips') return
    try {
      assertConforms(call.method, call.path, answer.status, call.body, JSON.parse(answer.body.toString()))
    } catch (error) {
      violations.push(`${call.method} ${call.path}: ${(error as Error).message}`)
    }
  }

  async function pass(call: ApiCall, passing: Passing) {
    const answer = await forward(agent, passing.req, passing.sent)
    check(call, answer)
    return answer
  }

  async function serveApi(passing: Passing): Promise<void> {
    const { req, res, sent } = passing
    const path = new URL(req.url ?? '/', 'http://proxy').pathname.slice(prefix.length)
    const body = await parsed(req, sent)
    const call: ApiCall = { method: req.method ?? '', path, body, at: Date.now(), status: undefined }
    calls.push(call)
    const fault = faultFor(call)
    switch (fault.kind) {
      case 'answer':
        call.status = fault.status
        res.writeHead(fault.status, { 'content-type': 'application/json', ...fault.headers }).end(fault.body)
        return
      case 'drop':
        await fault.meanwhile?.()
        res.destroy()
        return
      case 'lose':
        await pass(call, passing)
        await fault.meanwhile?.()
        res.destroy()
        return
      case 'hold': {
        fault.reached()
        await fault.until
        const answer = await pass(call, passing)
        fault.arrived()
        if (!res.destroyed) res.writeHead(answer.status, answer.headers).end(answer.body)
        return
      }
      case 'silence':
        // Its sender gives up, or the proxy ends.
        if (fault.done) await pass(call, passing)
        return
      case 'truncate': {
        const answer = await pass(call, passing)
        res.writeHead(answer.status, { ...answer.headers, 'content-length': answer.body.length })
        res.write(answer.body.subarray(0, answer.body.length >> 1), () => res.destroy())
        return
      }
      case 'pass': {
        const answer = await pass(call, passing)
        await fault.meanwhile?.()
        call.status = answer.status
        res.writeHead(answer.status, answer.headers).end(answer.body)
      }
    }
  }

  /** A request to a Worker: faults only where the test decides on every call, and headers that get lost. */
  async function servePlain(passing: Passing): Promise<void> {
    const { req, res, sent } = passing
    const path = `worker:${req.headers.host?.split('.')[0]}${req.url}`
    const fault = choose({
      method: req.method ?? '',
      path,
      body: undefined,
      at: Date.now(),
      status: undefined,
    })
    if (fault?.kind === 'drop') {
      await fault.meanwhile?.()
      res.destroy()
      return
    }
    if (fault?.kind === 'answer') {
      res.writeHead(fault.status, fault.headers).end(fault.body)
      return
    }
    for (const name of lostHeaders) delete req.headers[name]
    const answer = await forward(agent, req, sent)
    for (const name of lostHeaders) delete answer.headers[name]
    if (fault?.kind === 'lose' || fault?.kind === 'pass') await fault.meanwhile?.()
    if (fault?.kind === 'lose') res.destroy()
    else res.writeHead(answer.status, answer.headers).end(answer.body)
  }

  const server = createServer((req, res) => {
    const chunks: Buffer[] = []
    req.on('data', (chunk: Buffer) => chunks.push(chunk))
    req.on('end', () => {
      const passing = { req, res, sent: Buffer.concat(chunks) }
      const work = req.url?.startsWith(prefix) ? serveApi(passing) : servePlain(passing)
      work.catch(() => res.destroy())
    })
  })
  server.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))

  return {
    port: (server.address() as AddressInfo).port,
    calls,
    /** Each breach of the contract, in words. */
    violations,
    fault(rule: Rule) {
      rules.push({ times: 1, ...rule })
    },
    /** Asked before the rules, for every call. */
    decide(by: typeof choose) {
      choose = by
    },
    /** Takes headers from the requests to Workers and from their answers. */
    loseHeaders(...names: string[]) {
      lostHeaders = names
    },
    /** Forgets calls and faults. */
    reset() {
      lostHeaders = []
      calls.length = 0
      rules.length = 0
      choose = () => undefined
    },
    made: (method: string, path: RegExp) =>
      calls.filter((call) => call.method === method && path.test(call.path)),
    async stop() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      agent.destroy()
    },
  }
}

async function parsed(req: IncomingMessage, sent: Buffer): Promise<unknown> {
  if (sent.length === 0) return undefined
  const type = req.headers['content-type'] ?? ''
  if (!type.startsWith('multipart/')) return JSON.parse(sent.toString())
  const form = await new Response(new Uint8Array(sent), { headers: { 'content-type': type } }).formData()
  // An upload of static files has no metadata; its parts are named by their hashes.
  if (!form.has('metadata')) return Object.fromEntries([...form.keys()].map((hash) => [hash, '']))
  const metadata = form.get('metadata')
  const text = typeof metadata === 'string' ? metadata : await metadata?.text()
  return { metadata: JSON.parse(text ?? 'null') }
}

function forward(agent: Agent, req: IncomingMessage, sent: Buffer) {
  const { promise, resolve, reject } = Promise.withResolvers<{
    status: number
    headers: IncomingMessage['headers']
    body: Buffer
  }>()
  const { method, url: path, headers } = req
  const onward = request({ method, path, headers, agent }, (answer) => {
    const chunks: Buffer[] = []
    answer.on('data', (chunk: Buffer) => chunks.push(chunk))
    answer.on('error', reject)
    answer.on('end', () => {
      const { 'transfer-encoding': _, connection: __, ...kept } = answer.headers
      resolve({ status: answer.statusCode ?? 0, headers: kept, body: Buffer.concat(chunks) })
    })
  })
  onward.on('error', reject).end(sent)
  return promise
}
