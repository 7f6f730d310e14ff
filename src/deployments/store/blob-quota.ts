import type { Knex } from 'knex'
import { quotaExceeded } from '../../platform/errors.ts'
import { liveStatuses } from '../model/states.ts'

/** The limits of the content that clients send, in MB of 1,048,576 bytes. */
export interface BlobLimits {
  /** All content in the database. */
  totalMb: number
  /** The content that one user or token has sent, and that no completed or running deployment uses. */
  userMb: number
}

/** Keeps clients from filling the database with content. */
export interface BlobQuota {
  /**
   * Counts content that is about to be stored.
   * @param bytes at most so many
   * @returns what ends the count: from then on the content counts as stored, or not at all
   * @throws STATE_004 naming the limit and what to do
   */
  admit(userId: string, bytes: number): Promise<(stored: boolean) => void>
}

/** A sum is read again after this time: other processes store content, too, and housekeeping removes some. */
const freshMs = 5000
const mib = 1024 * 1024
/** The users whose sums are kept in memory. */
const maxUsers = 1000

/** Adds what this process stores meanwhile to a sum of the database, so that not every request has to read it. */
class RunningSum {
  #read: () => Promise<number>
  #stored = 0
  #pending = 0
  #readAt = Number.NEGATIVE_INFINITY
  #reading: Promise<void> | undefined

  constructor(read: () => Promise<number>) {
    this.#read = read
  }

  async current(): Promise<number> {
    if (performance.now() - this.#readAt > freshMs) {
      this.#reading ??= this.#refresh().finally(() => {
        this.#reading = undefined
      })
      await this.#reading
    }
    return this.#stored + this.#pending
  }

  begin(bytes: number): void {
    this.#pending += bytes
  }

  end(bytes: number, stored: boolean): void {
    this.#pending -= bytes
    if (stored) this.#stored += bytes
  }

  get isIdle(): boolean {
    return this.#pending === 0
  }

  async #refresh(): Promise<void> {
    this.#stored = await this.#read()
    this.#readAt = performance.now()
  }
}

export function createBlobQuota(db: Knex, { totalMb, userMb }: BlobLimits): BlobQuota {
  const total = new RunningSum(() => sumOf(db('deployment_blobs')))
  const users = new Map<string, RunningSum>()
  const ofUser = (userId: string) => {
    const found = users.get(userId) ?? new RunningSum(() => undeployedBytes(db, userId))
    users.set(userId, found)
    const [[oldest, sum] = []] = users
    if (users.size > maxUsers && oldest !== undefined && sum?.isIdle) users.delete(oldest)
    return found
  }
  return {
    async admit(userId, bytes) {
      const user = ofUser(userId)
      const [all, own] = await Promise.all([total.current(), user.current()])
      if (own + bytes > userMb * mib) throw userExceeded(userMb)
      if (all + bytes > totalMb * mib) throw totalExceeded(totalMb)
      const sums = [total, user]
      for (const sum of sums) sum.begin(bytes)
      return (stored) => {
        for (const sum of sums.splice(0)) sum.end(bytes, stored)
      }
    },
  }
}

async function sumOf(rows: Knex.QueryBuilder): Promise<number> {
  return Number((await rows.sum({ bytes: 'size' }).first())?.bytes ?? 0)
}

/**
 * The size of what a user has sent and no deployment uses. Dry runs and deployments that failed put nothing into the cloud, so they
 * can be repeated with other content without end.
 */
const undeployedBytes = (db: Knex, userId: string) =>
  sumOf(
    db('deployment_blobs as b')
      .where({ 'b.created_by': userId })
      .whereNotExists(
        db('plan_blobs as p')
          .join('deployments as d', 'd.id', 'p.plan_id')
          .whereRaw('p.digest = b.digest')
          .where('d.dry_run', false)
          .whereIn('d.status', ['completed', ...liveStatuses])
          .select(db.raw('1')),
      ),
  )

const userExceeded = (mb: number) =>
  quotaExceeded(`The content that you have sent and not deployed would exceed ${mb} MB`, {
    suggestedAction:
      'Deploy what you have prepared, or wait: unused content is removed a day after its last use. Operators can raise DEPLOY_CONTENT_USER_MAX_MB',
  })

const totalExceeded = (mb: number) =>
  quotaExceeded(`The content of all deployments would exceed ${mb} MB`, {
    suggestedAction:
      'Delete apps that are no longer needed, whose content is removed a day later, or raise DEPLOY_CONTENT_MAX_MB',
  })
