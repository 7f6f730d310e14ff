import { readFileSync } from 'node:fs'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { fetch } from 'undici'
import { type CodedError, dependencyFailed, unavailable } from '../../../platform/errors.ts'
import { createOutgoing } from '../../../platform/network/outgoing.ts'
import { propertiesOf } from '../../../platform/thrown.ts'
import type { MasterConfig } from '../../config.ts'

export interface MasterAnswer {
  status: number
  /** Undefined if the body is not JSON. */
  body: unknown
  retryAfterMs: number | undefined
}

/** A slave's client for the master's API. Calls reject only if there is no response. */
export interface MasterClient {
  post(path: string, body: unknown, signal: AbortSignal): Promise<MasterAnswer>
  put(path: string, body: unknown, signal: AbortSignal): Promise<MasterAnswer>
  close(): Promise<void>
}

const compress = promisify(gzip)
const callMs = 60_000

/** @throws CodedError when `MASTER_CA_FILE` can't be read. */
export function createMasterClient(master: MasterConfig): MasterClient {
  const outgoing = createOutgoing({ proxyUrl: master.proxyUrl, ca: certificateOf(master.caFile) })

  async function send(method: 'POST' | 'PUT', path: string, call: { body: unknown; signal: AbortSignal }) {
    const answer = await fetch(master.url + path, {
      method,
      dispatcher: outgoing,
      // A redirect could send the key to another address.
      redirect: 'error',
      headers: {
        Authorization: `Bearer ${master.apiKey}`,
        'Content-Type': 'application/json',
        ...(method === 'POST' ? { 'Content-Encoding': 'gzip' } : {}),
      },
      body: method === 'POST' ? await compress(JSON.stringify(call.body)) : JSON.stringify(call.body),
      signal: AbortSignal.any([call.signal, AbortSignal.timeout(callMs)]),
    })
    const text = await answer.text()
    const seconds = Number(answer.headers.get('retry-after') ?? Number.NaN)
    return {
      status: answer.status,
      body: parsed(text),
      retryAfterMs: Number.isFinite(seconds) ? seconds * 1000 : undefined,
    }
  }

  return {
    post: (path, body, signal) => send('POST', path, { body, signal }),
    put: (path, body, signal) => send('PUT', path, { body, signal }),
    close: () => outgoing.close(),
  }
}

function certificateOf(file: string | undefined): string | undefined {
  if (file === undefined) return undefined
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    throw dependencyFailed('Could not read MASTER_CA_FILE', { cause })
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** The error of a call that failed, for the job's row. It never contains the key. */
export function notDelivered(what: string, failure: MasterAnswer | unknown): CodedError {
  const { status, retryAfterMs, body } = failure as Partial<MasterAnswer>
  if (status === undefined) {
    const { cause, name } = failure as { cause?: { code?: unknown }; name?: string }
    const reason = typeof cause?.code === 'string' ? cause.code : (name ?? 'fault')
    return unavailable(`The master could not be reached: ${what} (${reason})`, {
      cause: failure,
    })
  }
  const error = propertiesOf(propertiesOf(body).error)
  const code = typeof error?.code === 'string' ? ` ${error.code}` : ''
  return unavailable(`The master did not take ${what}: ${status}${code}`, {
    ...(retryAfterMs === undefined ? {} : { retryAfter: retryAfterMs / 1000 }),
  })
}
