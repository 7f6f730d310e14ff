import { CloudError } from './cloudflare-errors.ts'
import type { Deployment, DeploymentChange } from './store/index.ts'

/** Thrown where an earlier call may still arrive: the job comes again after `ms`, which uses up no attempt. */
export class StillInFlight extends Error {
  override name = 'StillInFlight'
  readonly ms: number

  constructor(ms: number) {
    super('an earlier call may still arrive')
    this.ms = ms
  }
}

/**
 * To be called when no version with the deployment's mark is there: none is uploaded, and nothing is undone, while
 * one could still arrive. @throws StillInFlight
 */
export function waitForUpload({ uploadSentAt }: Deployment, settleMs: number): void {
  if (uploadSentAt === null) return
  const left = uploadSentAt.getTime() + settleMs - Date.now()
  if (left > 0) throw new StillInFlight(Math.min(left, 2000))
}

/**
 * Until its answer is known, a call counts as being on its way: also for who goes on after a crash of ours. That it was
 * answered is for the caller to write down, with what was answered.
 */
export async function sent<T>(
  { remember }: { remember(change: DeploymentChange): Promise<void> },
  call: () => Promise<T>,
): Promise<T> {
  await remember({ uploadSentAt: 'now' })
  try {
    return await call()
  } catch (error) {
    if (error instanceof CloudError && error.status < 500) await remember({ uploadSentAt: null })
    throw error
  }
}
