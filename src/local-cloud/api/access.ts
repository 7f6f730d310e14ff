import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { ApiError } from '../errors.ts'

const sha256 = (text: string) => createHash('sha256').update(text).digest()

/**
 * Checks the API token. `verifying` selects the error code of the verify routes.
 * @throws ApiError 1000, 6003, 9106 or 10000
 */
export function requireToken(req: IncomingMessage, token: string, verifying: boolean): void {
  const header = req.headers.authorization
  if (header === undefined) throw new ApiError('noCredentials')
  const [, given] = /^Bearer ([\x21-\x7e]+)$/.exec(header) ?? []
  if (given === undefined) {
    const message = 'Invalid format for Authorization header'
    throw new ApiError('badAuthorizationFormat', undefined, [{ code: 6111, message }])
  }
  // Hashing gives both values the same length, which timingSafeEqual requires.
  if (timingSafeEqual(sha256(given), sha256(token))) return
  throw new ApiError(verifying ? 'invalidToken' : 'authentication')
}

/** The requests per window: ten times Cloudflare's 1200, so that load tests on one machine do not reach the limit. */
const quota = 12_000
const windowSeconds = 300

/** A rate limit with fixed windows that reports its state in Cloudflare's headers. */
export class RateLimit {
  #used = 0
  #windowEnds = 0

  /** Counts one request and sets the headers. @throws ApiError 10013 (HTTP 429) above the limit */
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
