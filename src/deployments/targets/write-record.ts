import type { Knex } from 'knex'
import { pause } from '../../platform/deadline.ts'
import type { Run } from '../../platform/jobs/index.ts'
import { CloudError } from '../cloudflare/errors.ts'
import type { CloudWrite, SentWrite } from '../cloudflare/http.ts'
import type { Environment } from '../config.ts'
import {
  type Deployment,
  type DeploymentChange,
  dropWrite,
  giveUpWrite,
  recordWrite,
  settlesIn,
} from '../store/index.ts'

/** An earlier call may still arrive. The job is run again after `ms`, without using up an attempt. */
export class StillInFlight extends Error {
  override name = 'StillInFlight'
  readonly ms: number

  constructor(ms: number) {
    super('an earlier call may still arrive')
    this.ms = ms
  }
}

/**
 * Prevents a second upload, or a rollback, while the first upload may still arrive. Called if no version with the
 * deployment's mark exists. @throws StillInFlight
 */
export function waitForUpload({ uploadSentAt }: Deployment, target: { settleMs: number; now(): Date }): void {
  if (uploadSentAt === null) return
  const left = uploadSentAt.getTime() + target.settleMs - target.now().getTime()
  if (left > 0) throw new StillInFlight(Math.min(left, 2000))
}

/**
 * Marks a call as in flight until its answer is known, so that a run after a crash waits for it too. The caller records
 * that the call was answered, together with the answer.
 */
export async function trackUpload<T>(
  { remember }: { remember(change: DeploymentChange): Promise<void> },
  call: () => Promise<T>,
): Promise<T> {
  await remember({ uploadSentAt: 'now' })
  try {
    return await call()
  } catch (error) {
    const refused = error instanceof CloudError && error.status < 500
    // The time in which the call may still arrive starts now.
    await remember({ uploadSentAt: refused ? null : 'now' })
    throw error
  }
}

/** A run that writes, with its target and owner. */
export interface WritingRun {
  run: Pick<Run, 'write'>
  app: string
  environment: Environment
  /** The id of the deployment or deletion. */
  owner: string
}

/**
 * Records every write from right before it is sent until it is answered. The record needs the lease, so a frozen
 * process that has lost its job sends nothing. A write that stays recorded may arrive at any time, even after its run
 * has ended by a crash, a shutdown, a cancel or a failure.
 */
export function recordWrites(
  db: Knex,
  { run, settleMs, ...target }: WritingRun & { settleMs: number },
): (method: CloudWrite['method']) => Promise<SentWrite> {
  return async (method) => {
    const write = { ...target, settleMs, destroys: method === 'DELETE' }
    const id = await run.write((trx) => recordWrite(trx, write))
    return { answered: () => dropWrite(db, id), lost: () => giveUpWrite(db, id, settleMs) }
  }
}

export const writeOwner = ({ id, app, environment }: Deployment) => ({ app, environment, owner: id })

/**
 * Waits until writes without an answer can no longer arrive, so that none arrives after the target was released.
 * @returns true if there were any
 */
export async function waitForOutstandingWrites(
  db: Knex,
  owner: Omit<WritingRun, 'run'>,
  signal: AbortSignal,
): Promise<boolean> {
  const left = await settlesIn(db, owner)
  if (left > 0) await pause(left, signal)
  return left > 0
}
