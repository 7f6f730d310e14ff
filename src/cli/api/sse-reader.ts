/** One event of one of our streams. */
export interface SseEvent {
  /** Its number in the stream. */
  id: number
  /** `message` when the event names none. */
  type: string
  data: unknown
}

/**
 * Reads Server-Sent Events as our API writes them: every one has a number, and JSON as data. An event that was cut off
 * in the middle is left out: it comes again after a reconnection.
 * @param onBytes called for whatever arrives, comments too.
 */
export async function* readSse(
  body: AsyncIterable<Uint8Array>,
  onBytes: () => void = () => undefined,
): AsyncGenerator<SseEvent> {
  const decoder = new TextDecoder()
  let rest = ''
  let block: string[] = []
  for await (const chunk of body) {
    onBytes()
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) {
      const text = line.endsWith('\r') ? line.slice(0, -1) : line
      if (text !== '') {
        block.push(text)
        continue
      }
      const event = parsed(block)
      block = []
      if (event !== undefined) yield event
    }
  }
}

/** Undefined for a block without data: comments, which keep the connection open. */
function parsed(block: string[]): SseEvent | undefined {
  const fields = new Map<string, string>()
  for (const line of block) {
    const [, name, value = ''] = /^([^:]+)(?:: ?(.*))?$/s.exec(line) ?? []
    if (name === undefined) continue
    const before = name === 'data' ? fields.get('data') : undefined
    fields.set(name, before === undefined ? value : `${before}\n${value}`)
  }
  const [id, data] = [fields.get('id'), fields.get('data')]
  if (id === undefined || data === undefined || !/^\d+$/.test(id)) return undefined
  return { id: Number(id), type: fields.get('event') ?? 'message', data: JSON.parse(data) }
}
