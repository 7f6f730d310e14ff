import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Express } from 'express'
import { faultsOf } from './contract.ts'

/** Bodies above this are not checked: they would cost more than they prove. */
const maxCheckedBytes = 2 * 1024 * 1024

/**
 * Checks each response of an application against the OpenAPI document.
 * @param faults takes what is not as documented
 */
export function watched(app: Express, faults: string[]): Express {
  const listener = (req: IncomingMessage, res: ServerResponse) => {
    const body = recordBody(res)
    let isChecked = false
    const check = () => {
      if (isChecked) return
      isChecked = true
      const template = templateOf(req)
      const text = body()
      if (template === 'unknown' || text === undefined) return
      const { method = 'GET' } = req
      const headers = res.getHeaders()
      faults.push(
        ...faultsOf({
          method,
          template,
          status: res.statusCode,
          headers: { ...headers, ...sent(res) },
          body: text,
        }),
      )
    }
    res.once('finish', check)
    // A stream ends with its reader.
    res.once('close', check)
    app(req, res)
  }
  return Object.assign(listener, app)
}

/** The router puts its routes on the request; the console's are not documented. */
function templateOf(req: IncomingMessage): string | undefined | 'unknown' {
  const { route, originalUrl = '' } = req as {
    route?: { path: string; methods: unknown }
    originalUrl?: string
  }
  if (route === undefined) return originalUrl.startsWith('/admin') ? 'unknown' : undefined
  if (!(route.methods instanceof Map)) return 'unknown'
  const operation = [...route.methods.values()][0]?.operation?.id
  return operation === 'undocumented' ? 'unknown' : route.path.replace(/[:*](\w+)/g, '{$1}')
}

/** @returns a function for the body as text; it returns undefined for one that was cut off or is too large */
function recordBody(res: ServerResponse): () => string | undefined {
  const chunks: Buffer[] = []
  let size = 0
  const keep = (chunk: unknown, encoding: unknown) => {
    if (typeof chunk === 'string') chunks.push(Buffer.from(chunk, encoding === 'latin1' ? 'latin1' : 'utf8'))
    else if (chunk instanceof Uint8Array) chunks.push(Buffer.from(chunk))
    size += chunks.at(-1)?.length ?? 0
  }
  const { write, end } = res
  res.write = ((chunk: unknown, ...rest: unknown[]) => {
    if (size <= maxCheckedBytes) keep(chunk, rest[0])
    return Reflect.apply(write, res, [chunk, ...rest])
  }) as typeof res.write
  res.end = ((chunk: unknown, ...rest: unknown[]) => {
    if (size <= maxCheckedBytes && typeof chunk !== 'function') keep(chunk, rest[0])
    return Reflect.apply(end, res, [chunk, ...rest])
  }) as typeof res.end
  return () => {
    const isStream = String(res.getHeader('content-type') ?? sent(res)['content-type']).startsWith(
      'text/event-stream',
    )
    const isComplete = res.writableFinished || isStream
    return isComplete && res.headersSent && size <= maxCheckedBytes
      ? Buffer.concat(chunks).toString()
      : undefined
  }
}

/** The head as it was sent: `writeHead` with a list of headers does not keep them elsewhere. */
function sent(res: ServerResponse): Record<string, string> {
  const { _header: head = '' } = res as { _header?: string | null }
  return Object.fromEntries(
    (head ?? '')
      .split('\r\n')
      .slice(1)
      .map((line) => [
        line.slice(0, line.indexOf(':')).toLowerCase(),
        line.slice(line.indexOf(':') + 1).trim(),
      ])
      .filter(([name]) => name !== ''),
  )
}
