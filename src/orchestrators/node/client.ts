import { request } from 'node:http'
import { isIPv6 } from 'node:net'
import { createPlainOutgoing, type PlainOutgoing } from '../../platform/network/outgoing.ts'
import { errorCode, errorMessage } from '../../platform/thrown.ts'
import { isNodeAddress } from './addresses.ts'
import {
  type NodeIdentity,
  type NodeStatus,
  openEnvelope,
  type Parsed,
  readIdentity,
  readStatus,
} from './answers.ts'

export interface NodeAddress {
  ipAddress: string
  rpcPort: number
}

/** The result of a request to a node. `unreachable`: the node may have restarted since. Messages contain no address. */
export type NodeAnswer<T> =
  | { kind: 'ok'; value: T; raw: unknown }
  | { kind: 'throttled' }
  | { kind: 'failed'; unreachable: boolean; message: string }

/** The requests to a bridge node. @throws the signal's reason, only if it is aborted */
export interface NodeClient {
  status(node: NodeAddress, signal: AbortSignal): Promise<NodeAnswer<NodeStatus>>
  identity(node: NodeAddress, signal: AbortSignal): Promise<NodeAnswer<NodeIdentity>>
  close(): void
}

const maxBytes = 1024 * 1024

/**
 * The node's own protocol: a POST of `{method, params}`, answered with `{result, error}`. Old nodes send no content
 * type; new ones require one in the request.
 */
export function createNodeClient(): NodeClient {
  const outgoing = createPlainOutgoing()
  return {
    status: (node, signal) => ask(outgoing, { node, method: 'getStatus', read: readStatus, signal }),
    identity: (node, signal) => ask(outgoing, { node, method: 'getIdentity', read: readIdentity, signal }),
    close: () => outgoing.close(),
  }
}

interface Question<T> {
  node: NodeAddress
  method: 'getStatus' | 'getIdentity'
  read(result: unknown): Parsed<T>
  signal: AbortSignal
}

async function ask<T>(outgoing: PlainOutgoing, question: Question<T>): Promise<NodeAnswer<T>> {
  const { signal, node } = question
  // The row is older than the rule about addresses.
  if (!isNodeAddress(node.ipAddress)) return failed('Network error: no node can have this address')
  try {
    const { statusCode, text } = await post(outgoing, question)
    if (statusCode === 429) return { kind: 'throttled' }
    if (text === undefined) return failed('Oversized answer: more than 1 MiB')
    return judge(question, statusCode, text)
  } catch (error) {
    signal.throwIfAborted()
    return { kind: 'failed', unreachable: true, message: `Network error: ${reasonOf(error)}` }
  }
}

/** `text` is undefined for an answer above the size limit; the rest is not read. */
type Received = { statusCode: number; text: string | undefined }

function post(
  outgoing: PlainOutgoing,
  { node, method, signal }: Omit<Question<unknown>, 'read'>,
): Promise<Received> {
  const body = JSON.stringify({ method, params: [] })
  const headers = {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    accept: 'application/json',
  }
  const host = isIPv6(node.ipAddress) ? `[${node.ipAddress}]` : node.ipAddress
  const agent = outgoing.agentFor(new URL(`http://${host}:${node.rpcPort}/`))
  const to = { host: node.ipAddress, port: node.rpcPort, method: 'POST' }
  return new Promise((resolve, reject) => {
    const asked = request({ ...to, agent, headers, signal }, (answer) => {
      const { statusCode = 0 } = answer
      const chunks: Buffer[] = []
      let size = 0
      const end = (text: string | undefined) => {
        resolve({ statusCode, text })
        // The rest is not needed; errors of the aborted body are ignored.
        answer.on('error', () => undefined).destroy()
      }
      // A throttling node sends no other content.
      if (statusCode === 429) return end('')
      answer.on('error', (error) => reject(new Error('cut off', { cause: error })))
      answer.on('data', (chunk: Buffer) => {
        size += chunk.length
        if (size > maxBytes) end(undefined)
        else chunks.push(chunk)
      })
      answer.on('end', () => end(Buffer.concat(chunks).toString()))
    })
    asked.on('error', reject)
    asked.end(body)
  })
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

const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  EHOSTUNREACH: 'no route to the host',
  ENETUNREACH: 'no route to the network',
  ETIMEDOUT: 'connection timed out',
  EPIPE: 'connection reset',
  ECONNABORTED: 'connection reset',
}

/** A description without the library's message, which contains the address. */
function reasonOf(error: unknown): string {
  const code = errorCode(error) ?? ''
  if (errorMessage(error) === 'cut off') return 'connection closed before the answer was complete'
  if (code.startsWith('HPE_')) return 'the answer is not HTTP'
  return reasons[code] ?? (code === '' ? 'the connection failed' : `the connection failed (${code})`)
}
