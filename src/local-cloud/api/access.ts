import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { ApiError } from '../errors.ts'

const sha256 = (text: string) => createHash('sha256').update(text).digest()

/** Refuses every call without the one token of this cloud; `verifying` picks the code of the verify routes. */
export function requireToken(req: IncomingMessage, token: string, verifying: boolean): void {
  const header = req.headers.authorization
  if (header === undefined) throw new ApiError('noCredentials')
  const [, given] = /^Bearer ([\x21-\x7e]+)$/.exec(header) ?? []
  if (given === undefined) {
    const message = 'Invalid format for Authorization header'
    throw new ApiError('badAuthorizationFormat', undefined, [{ code: 6111, message }])
  }
  // Hashing first makes both sides equally long, which timingSafeEqual needs.
  if (timingSafeEqual(sha256(given), sha256(token))) return
  throw new ApiError(verifying ? 'invalidToken' : 'authentication')
}

/** Calls in one window. Cloudflare allows 1200; ten times that, so that load tests on one machine fit. */
const quota = 12_000
const windowSeconds = 300

/** Counts calls in fixed windows, tells the state in Cloudflare's headers, and refuses what is over. */
export class RateLimit {
  #used = 0
  #windowEnds = 0

  take(res: ServerResponse, now = Date.now()): void {
    if (now >= this.#windowEnds) {
      this.#used = 0
      this.#windowEnds = now + windowSeconds * 1000
    }
    const reset = Math.ceil((this.#windowEnds - now) / 1000)
    const left = Math.max(0, quota - this.#used - 1)
    res.setHeader('ratelimit', `"default";r=${left};t=${reset}`)
    res.setHeader('ratelimit-policy', `"default";q=${quota};w=${windowSeconds}`)
    if (this.#used >= quota) {
      res.setHeader('retry-after', String(reset))
      throw new ApiError('rateLimited')
    }
    this.#used += 1
  }
}
