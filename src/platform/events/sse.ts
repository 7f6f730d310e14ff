import type { Request, Response } from 'express'
import type { Principal } from '../auth.ts'
import { invalidRequest } from '../errors.ts'
import type { EventHub } from './hub.ts'
import type { StoredEvent } from './store.ts'

export interface SseOptions {
  hub: EventHub
  stream: string
  principal: Principal | undefined
  /** As it was just before: a reader that has all of an ended stream gets 204, so that it stops asking. */
  head: { seq: number; ended: boolean } | undefined
}

const keepAliveMs = 15_000
const recheckMs = 60_000
/**
 * A reader that still has this much to take when more comes is cut; it can resume from its last id. Asked before a
 * page is written, so that one big page does not cut a reader that keeps up.
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
  // A reader that left while its request was looked at will not tell again; one that asked by HEAD has its answer.
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
    res.write(events.map((event) => formatted(event, headSeq)).join(''))
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
      // The database is away: the check comes again, and nothing new can be read meanwhile.
      () => undefined,
    )
  }, recheckMs)
  res.on('close', () => {
    leave()
    clearInterval(keepAlive)
    clearInterval(recheck)
  })
}

/** `Last-Event-ID` (a reconnection) wins over `?after=` (the first request); 0 is the beginning. */
export function resumeAfter(req: Request): number {
  const given = req.get('last-event-id') ?? req.query.after
  if (given === undefined || given === '') return 0
  if (typeof given === 'string' && /^\d{1,15}$/.test(given)) return Number(given)
  const fields = [{ path: 'after', problem: 'expected the id of an event' }]
  throw invalidRequest('query', fields)
}

/** An end that was followed by more (a retry by hand) is history: it must not close the reader's side. */
const isFinal = (event: StoredEvent, headSeq: number) => event.type === 'end' && event.seq >= headSeq

const texts = new WeakMap<StoredEvent, string>()

/** One text per event, shared by all its readers. */
function formatted(event: StoredEvent, headSeq: number): string {
  if (event.type === 'end' && !isFinal(event, headSeq)) return asText(event, 'end-of-attempt')
  const known = texts.get(event)
  if (known !== undefined) return known
  const text = asText(event, event.type)
  texts.set(event, text)
  return text
}

/** `message` is what a reader gets without an `event:` line. */
function asText(event: StoredEvent, type: string): string {
  const name = type === 'message' ? '' : `event: ${type}\n`
  return `id: ${event.seq}\n${name}data: ${JSON.stringify(event.data)}\n\n`
}
