import { type Dispatcher, WebSocket } from 'undici'
import { z } from 'zod'
import { pause } from '../../platform/deadline.ts'
import type { CloudHttp } from '../cloudflare/http.ts'
import type { VersionProof } from './proof.ts'

/** The header with the id of a request, by which the live log is filtered. */
const requestHeader = 'x-capstan-check'
/** The time in which the live log usually shows a request, in milliseconds. */
const usualEventMs = 5000
const connectMs = 10_000
/** Cloudflare's name of the protocol of live logs. */
const protocol = 'trace-v1'

const createdTail = z.object({ id: z.string(), url: z.string() })
const tailEvent = z.object({
  scriptVersion: z.object({ id: z.string() }),
  event: z.object({ request: z.object({ headers: z.record(z.string(), z.unknown()) }) }),
})

export interface TailOptions {
  http: CloudHttp
  dispatcher: Dispatcher
  accountId: string
  script: string
  signal: AbortSignal
  /** The longest wait for the event of a request, in milliseconds. */
  eventMs?: number
}

/**
 * Opens the live log of a Worker, whose events name the version that answered. Only events of requests with
 * `x-capstan-check` are received. The log needs the permission Workers Tail Read.
 * @throws CloudError, CloudUnreachable, or an error of the connection
 */
export async function openTailProof(options: TailOptions): Promise<VersionProof> {
  const { http, dispatcher, accountId, script, signal, eventMs = usualEventMs } = options
  const path = `/accounts/${accountId}/workers/scripts/${encodeURIComponent(script)}/tails`
  const json = { filters: [{ header: { key: requestHeader } }] }
  // A tail changes nothing and expires by itself, so a repeated call does no harm.
  const tail = await http.read(createdTail, { method: 'POST', path, json, signal })
  const remove = () =>
    http.read(z.unknown(), {
      method: 'DELETE',
      path: `${path}/${tail.id}`,
      signal: AbortSignal.timeout(3000),
    })
  const socket = new WebSocket(tail.url, { protocols: [protocol], dispatcher })
  socket.binaryType = 'arraybuffer'
  const versions = new Map<string, string>()
  let arrived = Promise.withResolvers<void>()
  socket.addEventListener('message', ({ data }) => {
    const read = readEvent(data)
    if (read === undefined) return
    versions.set(read.requestId, read.versionId)
    arrived.resolve()
    arrived = Promise.withResolvers()
  })
  // The cloud ends a log that is sampled, too old or too large; a closed log shows no request any more.
  let isClosed = false
  socket.addEventListener('close', () => {
    isClosed = true
    arrived.resolve()
  })
  const close = async () => {
    socket.close()
    await remove().catch(() => undefined)
  }
  try {
    await opened(socket, AbortSignal.any([signal, AbortSignal.timeout(connectMs)]))
  } catch (error) {
    await close()
    throw error
  }
  return {
    source: 'the live log of the Worker',
    headersOf: (requestId) => ({ [requestHeader]: requestId }),
    async versionOf(requestId, _response, until) {
      const waiting = new AbortController()
      const late = pause(eventMs, AbortSignal.any([until, waiting.signal])).catch(() => undefined)
      for (let isLate = false; !isLate && !isClosed && !versions.has(requestId); ) {
        isLate = await Promise.race([late.then(() => true), arrived.promise.then(() => false)])
      }
      waiting.abort()
      until.throwIfAborted()
      return versions.get(requestId)
    },
    close,
  }
}

function opened(socket: WebSocket, signal: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  socket.addEventListener('open', () => resolve())
  const fail = () => reject(new Error('the live log could not be opened'))
  socket.addEventListener('error', fail)
  socket.addEventListener('close', fail)
  signal.addEventListener('abort', fail)
  return promise
}

/** The request and version of an event; undefined for other messages. */
function readEvent(data: unknown): { requestId: string; versionId: string } | undefined {
  const text = data instanceof ArrayBuffer ? Buffer.from(data).toString() : String(data)
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    return undefined
  }
  const { success, data: event } = tailEvent.safeParse(json)
  const requestId = success ? event.event.request.headers[requestHeader] : undefined
  return typeof requestId === 'string' && success
    ? { requestId, versionId: event.scriptVersion.id }
    : undefined
}
