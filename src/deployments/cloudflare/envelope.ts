import { z } from 'zod'
import { CloudError, CloudUnreachable } from './errors.ts'

interface Headers {
  get(name: string): string | null
}

const envelope = z.object({
  success: z.boolean(),
  errors: z.array(z.object({ code: z.number(), message: z.string() })).default([]),
  result: z.unknown(),
})
/** The container API's format of a refusal: as the body, or as JSON inside a message. */
const containerRefusal = z.object({
  error: z.string().regex(/^[A-Z][A-Z_]+$/),
  details: z.unknown().optional(),
})

/** Opens the envelope of a response. @returns its `result` @throws CloudError, CloudUnreachable */
export function unwrap(answer: { status: number; headers: Headers; text: string; path: string }): unknown {
  const { status, text, headers, path } = answer
  const details = {
    status,
    retryAfter: retryAfterOf(headers),
    ray: headers.get('cf-ray') ?? undefined,
    challenged: headers.get('cf-mitigated') === 'challenge',
    containers: /^\/accounts\/[^/]+\/containers(\/|$)/.test(path),
  }
  if (details.challenged)
    throw new CloudError('Cloudflare’s bot protection challenged the call', { ...details, code: 0 })
  const body = parseJson(text)
  const bare = status >= 400 ? containerRefusal.safeParse(body) : undefined
  if (bare?.success) throw refusedContainer(bare.data, { ...details, code: 0 })
  const parsed = envelope.safeParse(body)
  if (!parsed.success) {
    // Proxies and overloaded servers answer without the envelope. A cut-off success counts as no answer.
    if (status < 400) throw new CloudUnreachable('the response is not in the format of the API')
    throw new CloudError(`HTTP ${status}`, { ...details, code: 0 })
  }
  // Only `errors` decides: a success may have `messages`, e.g. 10000 in the verification of a token.
  if (parsed.data.success && status < 400) return parsed.data.result
  const first = parsed.data.errors[0]
  const inside = containerRefusal.safeParse(parseJson(first?.message ?? ''))
  if (inside.success) throw refusedContainer(inside.data, { ...details, code: first?.code ?? 0 })
  throw new CloudError(first?.message ?? `HTTP ${status}`, { ...details, code: first?.code ?? 0 })
}

type Refused = z.output<typeof containerRefusal>
function refusedContainer({ error, details }: Refused, refusal: ConstructorParameters<typeof CloudError>[1]) {
  const suffix =
    details === undefined ? '' : `: ${typeof details === 'string' ? details : JSON.stringify(details)}`
  return new CloudError(`${error}${suffix}`, { ...refusal, reason: error })
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** The seconds of a Retry-After header, which may be a number or a date; at most 300, the longest rate-limit window. */
export function retryAfterOf(headers: Headers): number | undefined {
  const value = headers.get('retry-after')
  if (value === null) return undefined
  const seconds = /^\d+$/.test(value) ? Number(value) : (Date.parse(value) - Date.now()) / 1000
  return Number.isFinite(seconds) ? Math.min(Math.max(Math.ceil(seconds), 0), 300) : undefined
}
