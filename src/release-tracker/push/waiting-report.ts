import type { Knex } from 'knex'
import { findOpenJob } from '../../platform/jobs/index.ts'
import type { TrackerContext } from '../context.ts'
import { waitingOfMaster } from '../store/push/rejections.ts'
import { countUnsent, oldestOf, type WaitingItems, waitingOfSlave } from '../store/push/waiting.ts'
import { pushSubject } from './sending/job.ts'

export type WaitingReport = () => Promise<WaitingItems | undefined>

const keptMs = 5000

/**
 * How many releases wait, and why. On a slave: those that its master has not stored, and those that could not be sent. On
 * a master: those of its slaves. An answer is kept for 5 s, since health checks are open to everybody.
 * @returns undefined when nothing waits. @throws when the database can't be read.
 */
export function createWaitingReport(context: TrackerContext): WaitingReport {
  let kept: { at: number; report: ReturnType<WaitingReport> } | undefined
  return () => {
    if (kept === undefined || performance.now() - kept.at >= keptMs) {
      const own = { at: performance.now(), report: reportOf(context) }
      kept = own
      own.report.catch(() => {
        if (kept === own) kept = undefined
      })
    }
    return kept.report
  }
}

async function reportOf({ db, config }: TrackerContext): ReturnType<WaitingReport> {
  if (config.mode === 'master')
    return together((await waitingOfMaster(db, undefined)).map((each) => each.waiting))
  if (config.mode !== 'slave') return undefined
  const [rejected, unsent] = await Promise.all([waitingOfSlave(db), unsentOf(db, config)])
  return together([rejected, unsent].filter((each) => each !== undefined))
}

/** What a push that failed could not send; while one is on its way nothing waits. */
async function unsentOf(
  db: Knex,
  place: { clientName: string; envName: string },
): Promise<WaitingItems | undefined> {
  const job = await findOpenJob(db, pushSubject)
  if (job === undefined || job.error === null) return undefined
  const found = await countUnsent(db, place)
  return found && { ...found, reasons: [{ reason: job.error.message, items: found.items }] }
}

function together(all: WaitingItems[]): WaitingItems | undefined {
  const [first] = all
  if (first === undefined) return undefined
  const reasons = new Map<string, number>()
  for (const { reason, items } of all.flatMap((each) => each.reasons))
    reasons.set(reason, (reasons.get(reason) ?? 0) + items)
  return {
    items: all.reduce((sum, { items }) => sum + items, 0),
    since: oldestOf(all, first.since),
    reasons: [...reasons].map(([reason, items]) => ({ reason, items })),
  }
}
