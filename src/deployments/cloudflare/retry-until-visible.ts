import { pause } from '../../platform/deadline.ts'
import { CloudError } from './errors.ts'

const tries = 5
const betweenMs = 500

/**
 * For calls that name a version: right after its upload a part of the cloud does not know it yet (100146). Such a
 * refusal had no effect, so that even a write may be repeated.
 */
export async function onceVisible<T>(call: () => Promise<T>, signal: AbortSignal): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await call()
    } catch (error) {
      if (!(error instanceof CloudError) || error.code !== 100146 || attempt === tries) throw error
      await pause(betweenMs, signal)
    }
  }
}
