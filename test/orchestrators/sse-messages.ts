export interface SseMessage {
  id: number
  event: string
  // biome-ignore lint/suspicious/noExplicitAny: tests look into messages of every shape
  data: any
}

/** Reads server-sent events until it is closed. */
export async function sseReader(url: string, token: string, lastEventId?: string) {
  const leaving = new AbortController()
  const headers = { authorization: `Bearer ${token}`, accept: 'text/event-stream' }
  const answer = await fetch(url, {
    headers: lastEventId === undefined ? headers : { ...headers, 'last-event-id': lastEventId },
    signal: leaving.signal,
  })
  if (answer.status !== 200 || answer.body === null) throw new Error(`the stream answered ${answer.status}`)
  const events: SseMessage[] = []
  const read = async (body: ReadableStream<Uint8Array>) => {
    let rest = ''
    for await (const chunk of body.pipeThrough(new TextDecoderStream())) {
      const parts = (rest + chunk).split('\n\n')
      rest = parts.pop() ?? ''
      events.push(...parts.filter((part) => part.includes('data: ')).map(parse))
    }
  }
  const ended = read(answer.body as ReadableStream<Uint8Array>).catch(() => undefined)
  return { events, ended, close: () => leaving.abort() }
}

function parse(part: string): SseMessage {
  const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(part)?.[1] ?? ''
  return { id: Number(field('id')), event: field('event'), data: JSON.parse(field('data')) }
}
