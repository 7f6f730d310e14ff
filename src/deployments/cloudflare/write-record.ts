import type { Knex } from 'knex'
import { pause } from '../../platform/deadline.ts'
import type { Run } from '../../platform/jobs/index.ts'
import type { Environment } from '../config.ts'
import {
  type Deployment,
  type DeploymentChange,
  dropWrite,
  giveUpWrite,
  recordWrite,
  settlesIn,
} from '../store/index.ts'
import { CloudError } from './errors.ts'
import type { CloudWrite, SentWrite } from './http.ts'

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
export function waitForUpload({ uploadSentAt }: Deployment, target: { settleMs: number; now(): Date }): void {
  if (uploadSentAt === null) return
  const left = uploadSentAt.getTime() + target.settleMs - target.now().getTime()
  if (left > 0) throw new StillInFlight(Math.min(left, 2000))
}

/**
 * Until its answer is known, a call counts as being on its way: also for who goes on after a crash of ours. That it was
 * answered is for the caller to write down, with what was answered.
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
    // Given up only now, it may still arrive for as long as any.
    await remember({ uploadSentAt: refused ? null : 'now' })
    throw error
  }
}

/** What a run changes, and on whose account. */
export interface WritingRun {
  run: Pick<Run, 'write'>
  app: string
  environment: Environment
  /** The deployment or the deletion. */
  owner: string
}

/**
 * Keeps every write on record from right before it is sent until it is answered. A process that was frozen meanwhile,
 * and has lost the job to another one, sends nothing: the record is made under the lease. What stays on record may
 * arrive at any time, however its run ended: by a crash, a shutdown, a cancel, a failure.
 */
export function recordWrites(
  db: Knex,
  { run, settleMs, ...about }: WritingRun & { settleMs: number },
): (method: CloudWrite['method']) => Promise<SentWrite> {
  return async (method) => {
    const write = { ...about, settleMs, destroys: method === 'DELETE' }
    const id = await run.write((trx) => recordWrite(trx, write))
    return { answered: () => dropWrite(db, id), lost: () => giveUpWrite(db, id, settleMs) }
  }
}

export const writeOwner = ({ id, app, environment }: Deployment) => ({ app, environment, owner: id })

/**
 * What was sent and given up must find the target still held when it arrives, and nothing new in its place.
 * @returns whether there was anything.
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
