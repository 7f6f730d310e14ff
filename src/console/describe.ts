import type { Knex } from 'knex'
import { type BoundJob, type DescribedJob, describeJobs } from '../platform/jobs/index.ts'
import { maskSecrets } from '../platform/logging/redact.ts'

type Fields = Record<string, unknown>

const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/**
 * Adds the subject and the error of each job to a Bull Board response, because a delivery contains only the id of the
 * job's row.
 */
export async function describeAnswer(db: Knex, jobs: readonly BoundJob[], body: unknown): Promise<unknown> {
  const found: { fields: Fields; row: string }[] = []
  const copy = collect(body, found)
  if (found.length === 0) return copy
  const described = await describeJobs(
    db,
    jobs,
    found.map((each) => each.row),
  )
  for (const { fields, row } of found) {
    const job = described.get(row)
    if (job !== undefined) Object.assign(fields, displayFields(job, fields))
  }
  return copy
}

function displayFields(job: DescribedJob, { data, failedReason }: Fields): Fields {
  const subject = Object.values(job.subject).filter((text) => text !== '')
  const title = [job.name, ...subject].join(' · ')
  const reason = job.error === null ? undefined : `${job.error.code}: ${maskSecrets(job.error.message)}`
  return {
    name: reason === undefined ? title : `${title}: ${reason}`,
    data: { ...(data as Fields), ...job.subject, state: job.state },
    ...(typeof failedReason === 'string' && reason !== undefined ? { failedReason: reason } : {}),
  }
}

/** Copies a response and collects its jobs in `found`. */
function collect(value: unknown, found: { fields: Fields; row: string }[]): unknown {
  if (Array.isArray(value)) return value.map((each) => collect(each, found))
  if (value === null || typeof value !== 'object') return value
  const fields: Fields = Object.fromEntries(
    Object.entries(value).map(([key, each]) => [key, collect(each, found)]),
  )
  const { data, timestamp } = fields
  if (typeof timestamp === 'number' && data !== null && typeof data === 'object' && 'job' in data) {
    if (typeof data.job === 'string' && uuid.test(data.job)) found.push({ fields, row: data.job })
  }
  return fields
}
