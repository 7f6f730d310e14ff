import { supportedCompatibilityDate, type WorkerOptions } from 'miniflare'
import { appName } from '../gate.ts'
import type { CloudAddress } from './queues.ts'

export const traceName = (script: string): string => appName(`trace-${script}`)

const code = `
// A Worker that shares its process begins its lines with a mark. One line may be the mark and values of other types.
const mark = /^[0-9a-f]{32}>[0-9a-f-]{36} ?/
const unmarked = ([first, ...rest]) => {
  const text = first.replace(mark, '')
  return text === '' && first !== '' && !first.endsWith(' ') ? rest : [text, ...rest]
}
const plain = (key, value) =>
  key === 'message' && Array.isArray(value) && typeof value[0] === 'string' ? unmarked(value) : value
export default {
  async tail(events, env) {
    const headers = { authorization: 'Bearer ' + env.SECRET, 'content-type': 'application/json' }
    const url = 'http://cloud/capstan/internal/traces/' + env.SCRIPT
    await env.CLOUD.fetch(url, { method: 'POST', headers, body: JSON.stringify(events, plain) })
  },
}`

/** The tail Worker of a script: sends the events of its versions to the cloud, which passes them to live tails. */
export const traceWorker = (script: string, { port, secret }: CloudAddress): WorkerOptions => ({
  name: traceName(script),
  modules: true,
  script: code,
  compatibilityDate: supportedCompatibilityDate,
  bindings: { SECRET: secret, SCRIPT: script },
  serviceBindings: { CLOUD: { external: { address: `127.0.0.1:${port}`, http: {} } } },
})
