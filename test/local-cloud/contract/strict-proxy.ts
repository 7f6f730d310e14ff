import { once } from 'node:events'
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { assertConforms, publishedContract } from './contract.ts'
import { type Additions, Breach, StrictContract } from './strict-contract.ts'

const prefix = '/client/v4'

export interface StrictOptions {
  additions?: Additions
  /** Paths of the contract that this proxy treats as unknown. */
  without?: string[]
}

export type StrictProxy = Awaited<ReturnType<typeof startStrictProxy>>

/**
 * A proxy between a client and a cloud that forwards only requests and responses that the published contract allows. The
 * client gets an error for any other request or response. Requests to the Workers themselves are forwarded unchanged.
 */
export async function startStrictProxy(options: StrictOptions = {}) {
  const contract = new StrictContract(publishedContract(), options.additions, options.without)
  const passed: string[] = []
  const breaches: string[] = []
  let target = 0

  async function serve(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const body = Buffer.concat(await Array.fromAsync(req as AsyncIterable<Buffer>))
    const url = new URL(req.url ?? '/', 'http://proxy')
    if (!url.pathname.startsWith(`${prefix}/`)) return answerWith(res, await forward(target, req, body))
    const path = url.pathname.slice(prefix.length)
    const what = `${req.method} ${path}`
    try {
      const known = await contract.checkRequest({ req, path, query: url.searchParams, body })
      const answer = await forward(target, req, body)
      checkAnswer(req.method ?? '', path, answer, known)
      passed.push(what)
      answerWith(res, answer)
    } catch (error) {
      const { message } = error as Error
      breaches.push(`${what}: ${message}`)
      const errors = [{ code: 10026, message: `Refused by the strict proxy: ${message}` }]
      const refusal = { result: null, success: false, errors, messages: [] }
      res.writeHead(400, { 'content-type': 'application/json' }).end(JSON.stringify(refusal))
    }
  }

  const server = createServer((req, res) => void serve(req, res).catch(() => res.destroy()))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    /** The forwarded requests, as `METHOD /path`. */
    passed,
    /** The rejected requests and responses, with the reason. */
    breaches,
    /** Changes the port of this machine to which requests are forwarded. */
    leadTo(port: number) {
      target = port
    },
    async stop() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

interface Answer {
  status: number
  headers: IncomingMessage['headers']
  body: Buffer
}

function checkAnswer(method: string, path: string, answer: Answer, known: boolean): void {
  const { status, headers, body } = answer
  if (headers['content-type'] !== 'application/json') throw new Breach('the answer is no JSON')
  if (!/^"default";r=\d+;t=\d+$/.test(String(headers.ratelimit))) throw new Breach('no rate limit is told')
  const value = JSON.parse(body.toString())
  // The contract describes the envelope of an added route, but not its result.
  if (known) assertConforms(method, path, status, undefined, value)
  else if (typeof value.success !== 'boolean' || !Array.isArray(value.errors)) throw new Breach('no envelope')
}

function answerWith(res: ServerResponse, { status, headers, body }: Answer): void {
  res.writeHead(status, headers).end(body)
}

function forward(port: number, req: IncomingMessage, body: Buffer): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>()
  const { method, url: path, headers } = req
  const onward = request({ host: '127.0.0.1', port, method, path, headers, agent: false }, (answer) => {
    const chunks: Buffer[] = []
    answer.on('data', (chunk: Buffer) => chunks.push(chunk))
    answer.on('error', reject)
    answer.on('end', () => {
      const { 'transfer-encoding': _, connection: __, ...kept } = answer.headers
      resolve({ status: answer.statusCode ?? 0, headers: kept, body: Buffer.concat(chunks) })
    })
  })
  onward.on('error', reject).end(body)
  return promise
}
