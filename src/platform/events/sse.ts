import type { Request, Response } from 'express'
import type { Principal } from '../auth.ts'
import { CodedError } from '../errors.ts'
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
/** A reader that is this far behind its socket is cut; it can resume from its last id. */
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
  req.socket.setNoDelay(true)

  const leave = options.hub.subscribe(options.stream, after, (events) => {
    if (res.destroyed || res.writableEnded) return false
    // An end that was followed by more (a retry by hand) is history: it must not close the reader's side.
    const past = (event: StoredEvent) => event.type === 'end' && event.seq < (head?.seq ?? 0)
    res.write(
      events
        .map((event) => (past(event) ? formatted({ ...event, type: 'end-of-run' }) : formatted(event)))
        .join(''),
    )
    if (events.some((event) => event.type === 'end' && !past(event))) res.end()
    else if (res.writableLength > bufferLimit) res.destroy()
    return !res.destroyed && !res.writableEnded
  })
  const keepAlive = setInterval(() => res.write(': keep-alive\n\n'), keepAliveMs)
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
  throw new CodedError('REQ_002', "The request's query is not valid", { details: { fields } })
}

const texts = new WeakMap<StoredEvent, string>()

/** One text per event, shared by all its readers. */
function formatted(event: StoredEvent): string {
  const known = texts.get(event)
  if (known !== undefined) return known
  const name = event.type === 'message' ? '' : `event: ${event.type}\n`
  const text = `id: ${event.seq}\n${name}data: ${JSON.stringify(event.data)}\n\n`
  texts.set(event, text)
  return text
}
