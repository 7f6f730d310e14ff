import { supportedCompatibilityDate, type WorkerOptions } from 'miniflare'
import { appName } from '../gate.ts'
import { byName, ofType, type Subject } from '../options/context.ts'
import type { CloudAddress } from '../options/queues.ts'

const recorderName = () => appName('recorder')
const analyticsName = () => appName('analytics')

/** The value of a binding to a dataset. `writeDataPoint` returns nothing, so the app cannot wait for it. */
const analytics = `
import entrypoints from 'cloudflare-internal:workers'

const text = (value) => {
  if (value === null || typeof value === 'string') return value
  if (value instanceof ArrayBuffer || ArrayBuffer.isView(value)) return new TextDecoder().decode(value)
  throw new TypeError('A blob or an index must be a string, an ArrayBuffer or null.')
}
const number = (value) => {
  if (typeof value !== 'number') throw new TypeError('A double must be a number.')
  return value
}
const list = (name, values = [], most, convert) => {
  if (!Array.isArray(values)) throw new TypeError(name + ' must be an array.')
  if (values.length > most) throw new TypeError('Maximum of ' + most + ' ' + name + ' supported.')
  return values.map(convert)
}
export default ({ RECORDER, DATASET, SCRIPT }) => ({
  writeDataPoint(point = {}) {
    if (typeof point !== 'object' || point === null) throw new TypeError('A data point must be an object.')
    const { indexes, blobs, doubles } = point
    const written = {
      indexes: list('indexes', indexes, 1, text),
      blobs: list('blobs', blobs, 20, text),
      doubles: list('doubles', doubles, 20, number),
    }
    entrypoints.waitUntil(RECORDER.write({ dataset: DATASET, script: SCRIPT }, written))
  },
})`

/** Sends to the cloud what apps wrote. */
const recorder = `
import { WorkerEntrypoint } from 'cloudflare:workers'

const record = async (env, path, body) => {
  const headers = { authorization: 'Bearer ' + env.SECRET, 'content-type': 'application/json' }
  const url = 'http://cloud/capstan/internal/recorded/' + path
  const response = await env.CLOUD.fetch(url, { method: 'POST', headers, body: JSON.stringify(body) })
  if (response.ok) return
  const { errors } = await response.json()
  throw new Error(errors[0].message)
}

export class Analytics extends WorkerEntrypoint {
  async write({ dataset, script }, point) {
    // The app cannot learn that it failed, as on Cloudflare.
    await record(this.env, 'analytics/' + encodeURIComponent(dataset), { script, point }).catch(console.error)
  }
}

const addressOf = (address) => {
  if (typeof address === 'object' && address !== null) return address.email
  return /<([^>]+)>$/.exec(String(address))?.[1].trim() ?? String(address).trim()
}
const base64 = (value) => {
  const bytes = value instanceof ArrayBuffer ? new Uint8Array(value) : new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
  let text = ''
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192))
  return btoa(text)
}
const plain = (_, value) =>
  value instanceof ArrayBuffer || ArrayBuffer.isView(value) ? { base64: base64(value) } : value
/** Under this key Miniflare's class for emails has the raw text. */
const raw = 'EmailMessage::raw'

export class Email extends WorkerEntrypoint {
  async send(message) {
    const { script, destination, destinations, senders } = this.ctx.props
    const from = addressOf(message.from)
    if (senders && !senders.includes(from)) throw new Error('email from ' + from + ' not allowed')
    const allowed = destination === undefined ? destinations : [destination]
    for (const to of [message.to].flat().map(addressOf)) {
      if (allowed && !allowed.includes(to)) throw new Error('email to ' + to + ' not allowed')
    }
    const { [raw]: source, ...rest } = message
    const email = source === undefined ? rest : { ...rest, raw: await new Response(source).text() }
    await record(this.env, 'emails', { script, email: JSON.parse(JSON.stringify(email, plain)) })
    return { messageId: '<' + crypto.randomUUID() + '@' + from.slice(from.lastIndexOf('@') + 1) + '>' }
  }
}
export default { fetch: () => new Response(null, { status: 404 }) }
`

/** Bindings to Analytics Engine and for sending email: the cloud records what they are given. */
export const recordedBindings: Subject = (bindings, { script }) => ({
  wrappedBindings: byName(ofType(bindings, 'analytics_engine'), ({ dataset }) => ({
    scriptName: analyticsName(),
    bindings: { DATASET: dataset, SCRIPT: script },
  })),
  serviceBindings: byName(ofType(bindings, 'send_email'), (binding) => ({
    name: recorderName(),
    entrypoint: 'Email',
    props: JSON.parse(
      JSON.stringify({
        script,
        destination: binding.destination_address,
        destinations: binding.allowed_destination_addresses,
        senders: binding.allowed_sender_addresses,
      }),
    ),
  })),
})

export const analyticsWorker = (): WorkerOptions => ({
  name: analyticsName(),
  modulesRoot: '/',
  modules: [{ type: 'ESModule', path: '/analytics.js', contents: analytics }],
  serviceBindings: { RECORDER: { name: recorderName(), entrypoint: 'Analytics' } },
})

/** The Worker behind the bindings of `recordedBindings`; one for each process. */
export const recorderWorker = ({ port, secret }: CloudAddress): WorkerOptions => ({
  name: recorderName(),
  modules: true,
  script: recorder,
  compatibilityDate: supportedCompatibilityDate,
  bindings: { SECRET: secret },
  serviceBindings: { CLOUD: { external: { address: `127.0.0.1:${port}`, http: {} } } },
})
