import type { Request, Response } from 'express'
import type { Principal } from '../auth.ts'
import { invalidRequest } from '../errors.ts'
import type { EventHub } from './hub.ts'
import type { StoredEvent } from './store.ts'

export interface SseOptions {
  hub: EventHub
  stream: string
  principal: Principal | undefined
  /** The stream's head when the request arrived: a reader that has all of an ended stream gets 204, to stop it. */
  head: { seq: number; ended: boolean } | undefined
}

const keepAliveMs = 15_000
const recheckMs = 60_000
/**
 * Bytes. A reader with more unsent data than this is disconnected when new events arrive; it can resume from its last
 * id. Checked before a page is written, so that one large page does not disconnect a reader that keeps up.
 */
const bufferLimit = 1024 * 1024

/** Writes a stream as Server-Sent Events until it ends, the reader leaves, or its principal is no longer valid. */
export function serveSse(req: Request, res: Response, options: SseOptions): void {
  const after = resumeAfter(req)
  const { head } = options
  if (head?.ended && after >= head.seq) {
    res.status(204).end()
    return
  }
  res.writeHead(200, {
    'Content-Type': 'text/event-stream; charset=utf-8',
    'Cache-Control': 'no-store, no-transform',
    'X-Accel-Buffering': 'no',
    Connection: 'keep-alive',
  })
  res.flushHeaders()
  // A connection that was closed before this point emits no further event; a HEAD request is complete.
  if (res.destroyed || req.method === 'HEAD') {
    res.end()
    return
  }
  req.socket.setNoDelay(true)

  const isOpen = () => {
    if (res.writableLength > bufferLimit) res.destroy()
    return !res.destroyed && !res.writableEnded
  }
  const sink = (events: StoredEvent[]): boolean => {
    if (!isOpen()) return false
    const headSeq = Math.max(head?.seq ?? 0, events.at(-1)?.seq ?? 0)
    res.write(events.map((event) => formatEvent(event, headSeq)).join(''))
    if (events.some((event) => isFinal(event, headSeq))) res.end()
    return !res.writableEnded
  }
  const leave = options.hub.subscribe(options.stream, { after, sink, end: () => res.end() })
  const keepAlive = setInterval(() => {
    if (isOpen()) res.write(': keep-alive\n\n')
  }, keepAliveMs)
  const recheck = setInterval(() => {
    options.principal?.stillValid().then(
      (valid) => {
        if (!valid) res.end()
      },
      // The database is unreachable: the next check decides, and no new events can be read until then.
      () => undefined,
    )
  }, recheckMs)
  res.on('close', () => {
    leave()
    clearInterval(keepAlive)
    clearInterval(recheck)
  })
}

/** The number to resume after: `Last-Event-ID` (a reconnection), else `?after=` (the first request), else 0. */
export function resumeAfter(req: Request): number {
  const given = req.get('last-event-id') ?? req.query.after
  if (given === undefined || given === '') return 0
  if (typeof given === 'string' && /^\d{1,15}$/.test(given)) return Number(given)
  const fields = [{ path: 'after', problem: 'expected the id of an event' }]
  throw invalidRequest('query', fields)
}

/** False for an `end` event that later events follow (a manual retry): it must not close the client's stream. */
const isFinal = (event: StoredEvent, headSeq: number) => event.type === 'end' && event.seq >= headSeq

const formattedTexts = new WeakMap<StoredEvent, string>()

/** The text of an event, formatted once for all its readers. */
function formatEvent(event: StoredEvent, headSeq: number): string {
  if (event.type === 'end' && !isFinal(event, headSeq)) return sseText(event, 'end-of-attempt')
  const cached = formattedTexts.get(event)
  if (cached !== undefined) return cached
  const text = sseText(event, event.type)
  formattedTexts.set(event, text)
  return text
}

/** Leaves out the `event:` line for the type `message`, which is the default of SSE. */
function sseText(event: StoredEvent, type: string): string {
  const name = type === 'message' ? '' : `event: ${type}\n`
  return `id: ${event.seq}\n${name}data: ${JSON.stringify(event.data)}\n\n`
}
