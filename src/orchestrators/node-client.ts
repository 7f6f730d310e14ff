import { type Dispatcher, request } from 'undici'
import { createOutgoing } from '../platform/outgoing.ts'
import {
  type NodeIdentity,
  type NodeStatus,
  openEnvelope,
  type Parsed,
  readIdentity,
  readStatus,
} from './node-answers.ts'

export interface NodeAddress {
  ipAddress: string
  rpcPort: number
}

/** How a question to a node ends. `unreachable`: it may have been restarted since. Texts name no address. */
export type NodeAnswer<T> =
  | { kind: 'ok'; value: T; raw: unknown }
  | { kind: 'throttled' }
  | { kind: 'failed'; unreachable: boolean; message: string }

/** What is asked of a bridge node. @throws the signal's reason only when it is aborted. */
export interface NodeClient {
  status(node: NodeAddress, signal: AbortSignal): Promise<NodeAnswer<NodeStatus>>
  identity(node: NodeAddress, signal: AbortSignal): Promise<NodeAnswer<NodeIdentity>>
  close(): Promise<void>
}

const maxBytes = 1024 * 1024

/**
 * The node's own protocol: a POST of `{method, params}`, answered by `{result, error}`. Old nodes name no content
 * type, new ones insist on ours.
 */
export function createNodeClient(): NodeClient {
  // Made when it is first used: only workers ask nodes.
  let outgoing: ReturnType<typeof createOutgoing> | undefined
  const via = () => {
    outgoing ??= createOutgoing()
    return outgoing
  }
  return {
    status: (node, signal) => ask(via(), { node, method: 'getStatus', read: readStatus, signal }),
    identity: (node, signal) => ask(via(), { node, method: 'getIdentity', read: readIdentity, signal }),
    async close() {
      await outgoing?.destroy()
    },
  }
}

interface Question<T> {
  node: NodeAddress
  method: 'getStatus' | 'getIdentity'
  read(result: unknown): Parsed<T>
  signal: AbortSignal
}

async function ask<T>(dispatcher: Dispatcher, question: Question<T>): Promise<NodeAnswer<T>> {
  const { node, method, signal } = question
  const host = node.ipAddress.includes(':') ? `[${node.ipAddress}]` : node.ipAddress
  try {
    const { statusCode, body } = await request(`http://${host}:${node.rpcPort}/`, {
      dispatcher,
      signal,
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json' },
      body: JSON.stringify({ method, params: [] }),
    })
    if (statusCode === 429) {
      // What it says with it is of no interest; breaking it off is reported as an error of the body.
      body.on('error', () => undefined).destroy()
      return { kind: 'throttled' }
    }
    const text = await readAtMost(body)
    if (text === undefined) return failed('Oversized answer: more than 1 MiB')
    return judge(question, statusCode, text)
  } catch (error) {
    signal.throwIfAborted()
    return { kind: 'failed', unreachable: true, message: `Network error: ${reasonOf(error)}` }
  }
}

function judge<T>({ method, read }: Question<T>, statusCode: number, text: string): NodeAnswer<T> {
  const opened = openEnvelope(text)
  if (opened.kind === 'error') {
    const where = statusCode === 200 ? '' : ` (HTTP ${statusCode})`
    return failed(`RPC error${where}: ${opened.text}`)
  }
  if (statusCode !== 200) return { ...failed(`HTTP error: status ${statusCode}`), unreachable: true }
  if (opened.kind === 'malformed') return failed('Malformed answer: not the JSON of a node')
  const parsed = read(opened.value)
  if (parsed.kind !== 'ok') return failed(`Malformed answer: no result of ${method}`)
  return { kind: 'ok', value: parsed.value, raw: opened.value }
}

const failed = (message: string) => ({ kind: 'failed' as const, unreachable: false, message })

/** Undefined for more than is allowed; the rest is never read. */
async function readAtMost(body: Dispatcher.ResponseData['body']): Promise<string | undefined> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of body) {
    size += chunk.length
    if (size > maxBytes) return undefined
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}

const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  EHOSTUNREACH: 'no route to the host',
  ENETUNREACH: 'no route to the network',
  ETIMEDOUT: 'connection timed out',
  EPIPE: 'connection reset',
  UND_ERR_SOCKET: 'connection closed before the answer was complete',
  UND_ERR_CONNECT_TIMEOUT: 'connection timed out',
  UND_ERR_HEADERS_TIMEOUT: 'no answer in time',
  UND_ERR_BODY_TIMEOUT: 'the answer did not end in time',
}

/** Never the library's message: it names the address. */
function reasonOf(error: unknown): string {
  const { code = '' } = (error ?? {}) as { code?: string }
  if (code.startsWith('HPE_')) return 'the answer is not HTTP'
  return reasons[code] ?? (code === '' ? 'the connection failed' : `the connection failed (${code})`)
}
