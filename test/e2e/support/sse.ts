import { setTimeout as delay } from 'node:timers/promises'

export interface SseEvent {
  id: number
  /** `message` if the server names no type. */
  type: string
  // biome-ignore lint/suspicious/noExplicitAny: each type of event has a shape of its own
  data: any
}

/** Reads one connection to its end. @returns whether the server ended it with an `end` event. */
async function readSse(
  url: string,
  options: { token: string; after?: number; onEvent: (event: SseEvent) => void; signal?: AbortSignal },
): Promise<{ status: number; ended: boolean }> {
  const headers: Record<string, string> = {
    accept: 'text/event-stream',
    authorization: `Bearer ${options.token}`,
  }
  if (options.after !== undefined && options.after > 0) headers['last-event-id'] = String(options.after)
  const { signal } = options
  const answer = await fetch(url, { headers, ...(signal === undefined ? {} : { signal }) })
  if (answer.status !== 200 || answer.body === null) return { status: answer.status, ended: false }
  let buffer = ''
  let ended = false
  for await (const chunk of answer.body.pipeThrough(new TextDecoderStream())) {
    buffer += chunk
    const blocks = buffer.split('\n\n')
    buffer = blocks.pop() ?? ''
    for (const event of blocks.flatMap(parseBlock)) {
      options.onEvent(event)
      ended ||= event.type === 'end'
    }
  }
  return { status: answer.status, ended }
}

/** Works like a browser's EventSource: reconnects with the last id until the stream has ended. */
export async function followSse(
  url: string,
  options: { token: string; onEvent?: (event: SseEvent) => void; timeoutMs?: number },
): Promise<{ events: SseEvent[]; connections: number }> {
  const events: SseEvent[] = []
  const signal = AbortSignal.timeout(options.timeoutMs ?? 60_000)
  for (let connections = 1; ; connections++) {
    try {
      const read = await readSse(url, {
        token: options.token,
        after: events.at(-1)?.id ?? 0,
        signal,
        onEvent(event) {
          events.push(event)
          options.onEvent?.(event)
        },
      })
      if (read.ended || read.status === 204) return { events, connections }
      if (read.status !== 200 && read.status !== 503) throw new Refused(`the stream answered ${read.status}`)
    } catch (error) {
      if (signal.aborted || error instanceof Refused) {
        const last = events.slice(-3).map((event) => JSON.stringify(event.data))
        throw new Error(`the stream did not end; last came ${last.join(' ')}`, { cause: error })
      }
    }
    await delay(50)
  }
}

class Refused extends Error {}

function parseBlock(block: string): SseEvent[] {
  const fields = new Map<string, string>()
  for (const line of block.split('\n')) {
    const [, name = '', value = ''] = /^([a-z]+): ?(.*)$/.exec(line) ?? []
    if (name !== '') fields.set(name, value)
  }
  const data = fields.get('data')
  if (data === undefined) return []
  return [{ id: Number(fields.get('id')), type: fields.get('event') ?? 'message', data: JSON.parse(data) }]
}
