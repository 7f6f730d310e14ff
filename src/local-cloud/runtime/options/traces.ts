import { supportedCompatibilityDate, type WorkerOptions } from 'miniflare'
import { appName } from '../gate.ts'
import type { CloudAddress } from './queues.ts'

export const traceName = (script: string): string => appName(`trace-${script}`)

const code = `
export default {
  async tail(events, env) {
    const headers = { authorization: 'Bearer ' + env.SECRET, 'content-type': 'application/json' }
    const url = 'http://cloud/capstan/internal/traces/' + env.SCRIPT
    await env.CLOUD.fetch(url, { method: 'POST', headers, body: JSON.stringify(events) })
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
