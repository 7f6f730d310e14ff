import { RequestError } from '@octokit/request-error'
import { CodedError, unavailable } from '../../platform/errors.ts'
import { maskSecrets } from '../../platform/logging/redact.ts'
import { truncate } from '../../platform/postgres/storable-text.ts'

/** The credential of a call: the App's own JWT, or the token of one installation. */
export type UsedCredential = 'app' | 'installation'

/** Turns a failed call to GitHub into a coded error; returns aborts and other errors unchanged. */
export function toGitHubFault(error: unknown, credential: UsedCredential): unknown {
  if (!(error instanceof RequestError)) return error
  if (error.response === undefined) {
    return unavailable('GitHub did not answer', { cause: error })
  }
  const message = `GitHub refused the call: ${truncate(maskSecrets(error.message), 500)}`
  const fault = (code: ConstructorParameters<typeof CodedError>[0], options: object = {}) =>
    new CodedError(code, message, { cause: error, ...options })
  const retryAfter = limitedFor(error)
  if (retryAfter !== undefined) return fault('SYS_003', { retryAfter })
  if (error.status >= 500) return fault('SYS_002')
  // The App's key or clock is wrong, or the token has expired; the caller renews a token once.
  if (error.status === 401) return fault(credential === 'app' ? 'AUTH_001' : 'AUTH_005')
  if (error.status === 404 && /Integration not found/i.test(error.message)) return fault('AUTH_001')
  if (error.status === 403) return fault('AUTH_002', suspension(error))
  if (credential === 'app') return fault('AUTH_002')
  if (error.status === 404) return fault('SYS_005', { suggestedAction: 'Check owner, repo and ref' })
  return fault('DEPLOY_001')
}

const suspension = (error: RequestError) =>
  /suspended/i.test(error.message)
    ? { suggestedAction: 'Ask the owner of the installation to lift its suspension' }
    : {}

/** Seconds to wait for a primary or secondary rate limit; undefined for other refusals. */
function limitedFor({ status, message, response }: RequestError): number | undefined {
  if (status !== 403 && status !== 429) return undefined
  const headers = response?.headers ?? {}
  const retryAfter = Number(headers['retry-after'] ?? Number.NaN)
  if (Number.isFinite(retryAfter)) return Math.max(1, retryAfter)
  if (headers['x-ratelimit-remaining'] === '0') {
    const resets = Number(headers['x-ratelimit-reset'] ?? Number.NaN)
    const left = Math.ceil(resets - Date.now() / 1000)
    return Number.isFinite(left) ? Math.min(Math.max(1, left), 3600) : 60
  }
  return status === 429 || /secondary rate limit/i.test(message) ? 60 : undefined
}
