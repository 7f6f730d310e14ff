import { pause } from '../../platform/deadline.ts'
import { CloudError } from './errors.ts'

const maxAttempts = 5
const pauseMs = 500

/**
 * Retries a call that names a version: right after the upload, parts of the cloud do not know the version yet (100146).
 * Such a refused call has no effect, so even a write may be repeated.
 */
export async function retryUntilVisible<T>(call: () => Promise<T>, signal: AbortSignal): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await call()
    } catch (error) {
      if (!(error instanceof CloudError) || error.code !== 100146 || attempt === maxAttempts) throw error
      await pause(pauseMs, signal)
    }
  }
}
