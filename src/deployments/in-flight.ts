import type { Deployment } from './store/index.ts'

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
