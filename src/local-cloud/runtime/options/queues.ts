import { supportedCompatibilityDate, type WorkerOptions } from 'miniflare'
import { appName } from '../gate.ts'
import { byName, ofType, type Subject } from './context.ts'

/** How a Worker of Capstan's own inside workerd reaches the cloud that runs it. */
export interface CloudAddress {
  port: number
  /** The credential of the calls. */
  secret: string
}

const producersName = () => appName('queue-producers')

/**
 * The producer of queues: each binding is an entrypoint with its queue as the property. The cloud has stored the messages
 * when a call returns, so that an accepted message survives the end of any process.
 */
const script = `
import { WorkerEntrypoint } from 'cloudflare:workers'

const base64 = (bytes) => {
  let text = ''
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192))
  return btoa(text)
}
const encode = (body, contentType = 'json') => {
  if (contentType === 'text') {
    if (typeof body !== 'string') throw new TypeError('The value of a message of type text must be a string.')
    return { body, contentType }
  }
  if (contentType === 'bytes') {
    if (!(body instanceof ArrayBuffer) && !ArrayBuffer.isView(body)) {
      throw new TypeError('The value of a message of type bytes must be an ArrayBuffer or a view of one.')
    }
    const bytes = body instanceof ArrayBuffer ? new Uint8Array(body) : new Uint8Array(body.buffer, body.byteOffset, body.byteLength)
    return { body: base64(bytes), contentType }
  }
  if (contentType !== 'json' && contentType !== 'v8') throw new TypeError('Unsupported content type: ' + contentType)
  // V8's own format needs a library that workerd lacks: such messages are sent as JSON.
  const text = JSON.stringify(body)
  if (text === undefined) throw new TypeError('The value of a message cannot be serialized.')
  return { body: text, contentType: 'json' }
}

export class Producer extends WorkerEntrypoint {
  async #send(messages) {
    const { queue, delay } = this.ctx.props
    const body = JSON.stringify({ messages: messages.map(({ body, contentType, delaySeconds = delay }) =>
      ({ ...encode(body, contentType), ...(delaySeconds === undefined ? {} : { delaySeconds }) })) })
    const url = 'http://cloud/capstan/internal/queues/' + encodeURIComponent(queue) + '/messages'
    const headers = { authorization: 'Bearer ' + this.env.SECRET, 'content-type': 'application/json' }
    const response = await this.env.CLOUD.fetch(url, { method: 'POST', headers, body })
    if (response.ok) return
    const { errors } = await response.json()
    throw new Error('Queue send failed: ' + errors[0].message)
  }
  send(body, options = {}) {
    return this.#send([{ body, ...options }])
  }
  async sendBatch(messages, { delaySeconds } = {}) {
    const all = [...messages].map((each) => ({ ...(delaySeconds === undefined ? {} : { delaySeconds }), ...each }))
    if (all.length === 0 || all.length > 100) throw new TypeError('A batch must have 1 to 100 messages.')
    await this.#send(all)
  }
}
export default { fetch: () => new Response(null, { status: 404 }) }
`

/** Bindings to queues, as bindings of services. */
export const queueBindings: Subject = (bindings) => ({
  serviceBindings: byName(ofType(bindings, 'queue'), ({ queue_name: queue, delivery_delay: delay }) => ({
    name: producersName(),
    entrypoint: 'Producer',
    props: { queue, delay },
  })),
})

/** The Worker behind the bindings of `queueBindings`; one for each process. */
export const producerWorker = ({ port, secret }: CloudAddress): WorkerOptions => ({
  name: producersName(),
  modules: true,
  script,
  compatibilityDate: supportedCompatibilityDate,
  bindings: { SECRET: secret },
  serviceBindings: { CLOUD: { external: { address: `127.0.0.1:${port}`, http: {} } } },
})
