import { get, type IncomingMessage } from 'node:http'

/** A reader of server-sent events that takes nothing before `listen`, as a slow one does. */
export async function openReader(origin: string, path: string, headers: Record<string, string>) {
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    get(origin + path, { headers }, resolve).on('error', reject)
  })
  let text = ''
  let ended = false
  answer.setEncoding('utf8')
  answer.on('end', () => {
    ended = true
  })
  answer.on('error', () => undefined)
  return {
    answer,
    listen: () => answer.on('data', (chunk) => (text += chunk)),
    text: () => text,
    ids: () => [...text.matchAll(/^id: (\d+)$/gm)].map(([, id]) => Number(id)),
    ended: () => ended,
  }
}
