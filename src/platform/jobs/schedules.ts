import { within } from '../deadline.ts'
import type { Queues } from '../queues/index.ts'
import type { BoundJob } from './definition.ts'

/**
 * Puts back schedules that the queue store does not have, or has with another interval. What is right is
 * left alone: rewriting a scheduler at every start of every process shifts its due times, and quick rewrites have
 * lost jobs. A schedule that the catalogue no longer names is dropped by the runner when it comes due.
 */
export async function ensureSchedules(queues: Queues, jobs: readonly BoundJob[]): Promise<void> {
  for (const [name, group] of Map.groupBy(jobs, (job) => job.queue)) {
    const wanted = group.filter((job) => job.schedule !== undefined)
    if (wanted.length === 0) continue
    const queue = queues.get(name)
    const existing = await within(5000, queue.getJobSchedulers(0, -1), 'the queue store')
    for (const { name: key, schedule } of wanted) {
      const everyMs = schedule?.everyMs ?? 0
      if (existing.some((scheduler) => scheduler.key === key && Number(scheduler.every) === everyMs)) continue
      const opts = { attempts: 1, keepLogs: 100, stackTraceLimit: 1 }
      await queue.upsertJobScheduler(key, { every: everyMs }, { name: key, data: { schedule: key }, opts })
    }
  }
}
