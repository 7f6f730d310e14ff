import type { Knex } from 'knex'
import { type BoundJob, type DescribedJob, describeJobs } from '../platform/jobs/index.ts'
import { maskSecrets } from '../platform/logging/redact.ts'

type Fields = Record<string, unknown>

const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/**
 * Adds to each job of a Bull Board answer what it is about and why it failed: a delivery itself carries only the id of
 * its row.
 */
export async function describeAnswer(db: Knex, jobs: readonly BoundJob[], body: unknown): Promise<unknown> {
  const shown: { fields: Fields; row: string }[] = []
  const copy = collect(body, shown)
  if (shown.length === 0) return copy
  const described = await describeJobs(
    db,
    jobs,
    shown.map((each) => each.row),
  )
  for (const { fields, row } of shown) {
    const job = described.get(row)
    if (job !== undefined) Object.assign(fields, shownAs(job, fields))
  }
  return copy
}

function shownAs(job: DescribedJob, { data, failedReason }: Fields): Fields {
  const about = Object.values(job.about).filter((text) => text !== '')
  const title = [job.name, ...about].join(' · ')
  const reason = job.error === null ? undefined : `${job.error.code}: ${maskSecrets(job.error.message)}`
  return {
    name: reason === undefined ? title : `${title}: ${reason}`,
    data: { ...(data as Fields), ...job.about, state: job.state },
    ...(typeof failedReason === 'string' && reason !== undefined ? { failedReason: reason } : {}),
  }
}

/** Copies an answer and notes its jobs. */
function collect(value: unknown, shown: { fields: Fields; row: string }[]): unknown {
  if (Array.isArray(value)) return value.map((each) => collect(each, shown))
  if (value === null || typeof value !== 'object') return value
  const fields: Fields = Object.fromEntries(
    Object.entries(value).map(([key, each]) => [key, collect(each, shown)]),
  )
  const { data, timestamp } = fields
  if (typeof timestamp === 'number' && data !== null && typeof data === 'object' && 'job' in data) {
    if (typeof data.job === 'string' && uuid.test(data.job)) shown.push({ fields, row: data.job })
  }
  return fields
}
