import { type Dispatcher, request } from 'undici'
import { NotPublic } from '../../../platform/network/public-only.ts'
import { errorCode } from '../../../platform/thrown.ts'
import type { PlanConfig } from '../../model/plan.ts'
import { noEngine } from '../../plans/container-front.ts'
import type { Address } from '../../targets/targets.ts'

/** The response of an app to one request of the health check. */
export interface Probe {
  /** The status; `no engine` if only the Worker in front of a container answered; else the reason for no answer. */
  answer: number | string
  /** The response headers; empty without an answer. */
  headers: Record<string, string | string[] | undefined>
}

export const noEngineAnswer = 'no engine'
export const noAnswerInTime = 'no answer in time'

export interface ProbeOptions {
  check: PlanConfig['healthCheck']
  deploymentId: string
  /** Further request headers. */
  headers?: Record<string, string>
  dispatcher: Dispatcher
  signal: AbortSignal
  /** Ends only this request. */
  limit: AbortSignal
}

/** Sends one request with the method of the health check. Redirects are not followed. */
export async function probe({ url, host }: Address, options: ProbeOptions): Promise<Probe> {
  try {
    // `fetch` would take the Host header from the URL.
    const { statusCode, headers, body } = await request(url, {
      method: options.check.method ?? 'GET',
      dispatcher: options.dispatcher,
      headers: {
        'User-Agent': 'capstan-health-check',
        'X-Capstan-Deployment': options.deploymentId,
        ...options.headers,
        ...(host === undefined ? {} : { Host: host }),
      },
      signal: AbortSignal.any([options.signal, options.limit]),
    })
    body.on('error', () => undefined).destroy()
    const { header, value, status } = noEngine
    const isFront = statusCode === status && headers[header] === value
    return { answer: isFront ? noEngineAnswer : statusCode, headers }
  } catch (error) {
    options.signal.throwIfAborted()
    if (options.limit.aborted) return { answer: noAnswerInTime, headers: {} }
    if (error instanceof NotPublic) {
      return { answer: 'the host leads to an address that is not public, so not to Cloudflare', headers: {} }
    }
    return { answer: `no answer (${errorCode(error) ?? 'connection failed'})`, headers: {} }
  }
}

/** @param expected a status, or a range of them like `200-399`. */
export function matches(status: number, expected: number | string): boolean {
  const [from = 0, to = from] = String(expected).split('-').map(Number)
  return status >= from && status <= to
}
