import { type IncomingMessage, type OutgoingHttpHeaders, request } from 'node:http'
import { pipeline, Readable } from 'node:stream'
import type { CloudContext } from '../context.ts'
import type { StoreNode } from '../runtime/groups/nodes.ts'

export interface BridgeCall {
  /** The name of the operation in the bridge's code; default: the HTTP method. */
  operation?: string
  method?: string
  query?: Record<string, string | undefined>
  headers?: OutgoingHttpHeaders
  /** A stream needs a `content-length` header for an object. */
  body?: Readable | Buffer | string
}

export interface BridgeAnswer {
  status: number
  /** What the bridge says about a stored value, next to its bytes. */
  about: unknown
  body: IncomingMessage
}

/** Sends a request to the bridge of a store's process, which is started if needed. @throws Error */
export async function callBridge(
  cloud: CloudContext,
  store: StoreNode,
  call: BridgeCall,
): Promise<BridgeAnswer> {
  const lease = await cloud.pool.acquireStore(store)
  const [kind = '', id = ''] = store.split(/:(.*)/s)
  const url = new URL(`/${kind}/${encodeURIComponent(id)}`, lease.url)
  for (const [name, value] of Object.entries({ ...call.query, operation: call.operation })) {
    if (value !== undefined) url.searchParams.set(name, value)
  }
  const { promise, resolve, reject } = Promise.withResolvers<BridgeAnswer>()
  const { method = call.body === undefined ? 'GET' : 'POST', body = '' } = call
  const sized = body instanceof Readable ? {} : { 'content-length': Buffer.byteLength(body) }
  const upstream = request(url, {
    method,
    headers: { ...sized, ...call.headers, ...lease.gate },
    agent: false,
  })
  upstream.on('response', (answer) => {
    const about = String(answer.headers.about ?? 'null')
    answer.once('close', () => lease.release())
    resolve({ status: answer.statusCode ?? 500, about: JSON.parse(decodeURIComponent(about)), body: answer })
  })
  upstream.on('error', (error) => {
    lease.release()
    reject(error)
  })
  if (body instanceof Readable) pipeline(body, upstream, () => {})
  else upstream.end(body)
  return await promise
}

export class TooLongError extends Error {}

/**
 * The answer's text. A store's own error has the status 500.
 * @param limit in bytes
 * @throws TooLongError above the limit; the rest is not read
 */
export async function textOf(
  { status, body }: { status: number; body: Readable },
  limit = Number.POSITIVE_INFINITY,
): Promise<{ failed: boolean; text: string }> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of body) {
    size += chunk.length
    // The end of this loop destroys the stream, which releases the lease of the process.
    if (size > limit) throw new TooLongError('The answer of the store is too long.')
    chunks.push(chunk)
  }
  return { failed: status === 500, text: Buffer.concat(chunks).toString('utf8') }
}
