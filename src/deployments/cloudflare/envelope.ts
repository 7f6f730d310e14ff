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
/** The container API's way of saying no: bare, or as JSON inside of a message. */
const containerRefusal = z.object({
  error: z.string().regex(/^[A-Z][A-Z_]+$/),
  details: z.unknown().optional(),
})

/** @returns the `result` of an answer. @throws CloudError, CloudUnreachable */
export function unwrap(answer: { status: number; headers: Headers; text: string; path: string }): unknown {
  const { status, text, headers, path } = answer
  const about = {
    status,
    retryAfter: retryAfterOf(headers),
    ray: headers.get('cf-ray') ?? undefined,
    challenged: headers.get('cf-mitigated') === 'challenge',
    containers: /^\/accounts\/[^/]+\/containers(\/|$)/.test(path),
  }
  if (about.challenged)
    throw new CloudError('Cloudflare’s bot protection challenged the call', { ...about, code: 0 })
  const body = parseJson(text)
  const bare = status >= 400 ? containerRefusal.safeParse(body) : undefined
  if (bare?.success) throw refusedContainer(bare.data, { ...about, code: 0 })
  const parsed = envelope.safeParse(body)
  if (!parsed.success) {
    // Proxies and overload answer without the envelope; a cut-off success is as good as no answer.
    if (status < 400) throw new CloudUnreachable('the response is not in the format of the API')
    throw new CloudError(`HTTP ${status}`, { ...about, code: 0 })
  }
  // `errors` only: `messages` may be filled on success, and the verification of a token says 10000 in them.
  if (parsed.data.success && status < 400) return parsed.data.result
  const first = parsed.data.errors[0]
  const inside = containerRefusal.safeParse(parseJson(first?.message ?? ''))
  if (inside.success) throw refusedContainer(inside.data, { ...about, code: first?.code ?? 0 })
  throw new CloudError(first?.message ?? `HTTP ${status}`, { ...about, code: first?.code ?? 0 })
}

type Refused = z.output<typeof containerRefusal>
function refusedContainer({ error, details }: Refused, about: ConstructorParameters<typeof CloudError>[1]) {
  const said =
    details === undefined ? '' : `: ${typeof details === 'string' ? details : JSON.stringify(details)}`
  return new CloudError(`${error}${said}`, { ...about, reason: error })
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Seconds or a date, as HTTP allows both; at most five minutes, the longest window there is. */
export function retryAfterOf(headers: Headers): number | undefined {
  const value = headers.get('retry-after')
  if (value === null) return undefined
  const seconds = /^\d+$/.test(value) ? Number(value) : (Date.parse(value) - Date.now()) / 1000
  return Number.isFinite(seconds) ? Math.min(Math.max(Math.ceil(seconds), 0), 300) : undefined
}
