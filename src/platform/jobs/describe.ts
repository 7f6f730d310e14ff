import type { Knex } from 'knex'
import type { BoundJob, JobState } from './definition.ts'

/** The details of a job that the console adds to its delivery. */
export interface DescribedJob {
  id: string
  name: string
  state: JobState
  error: { code: string; message: string } | null
  /** The object that the job works on, e.g. `{ app, environment, step }`. */
  subject: Record<string, string>
}

interface Row extends Omit<DescribedJob, 'subject'> {
  queue: string
  payload: unknown
}

/** Describes jobs with one query for the rows and one for each kind of job. @returns the descriptions by job id */
export async function describeJobs(
  db: Knex,
  jobs: readonly BoundJob[],
  ids: readonly string[],
): Promise<Map<string, DescribedJob>> {
  const rows: Row[] = await db('jobs')
    .whereIn('id', ids)
    .select('id', 'queue', 'name', 'state', 'error', 'payload')
  const kinds = Map.groupBy(rows, (row) => `${row.queue}/${row.name}`)
  const described = await Promise.all([...kinds.values()].map((kind) => describeKind(db, jobs, kind)))
  return new Map(described.flat().map((job) => [job.id, job]))
}

async function describeKind(db: Knex, jobs: readonly BoundJob[], rows: Row[]): Promise<DescribedJob[]> {
  const [first] = rows
  const job = jobs.find(({ queue, name }) => queue === first?.queue && name === first.name)
  const valid = rows.flatMap((row) => {
    const payload = job?.payload.safeParse(row.payload)
    return payload?.success ? [{ id: row.id, payload: payload.data }] : []
  })
  const payloads = valid.map(({ payload }) => payload)
  const found = (await job?.describe?.(job.services, db, payloads)) ?? []
  const subjects = new Map(valid.map(({ id }, index) => [id, found[index] ?? {}]))
  return rows.map(({ id, name, state, error }) => ({
    id,
    name,
    state,
    error,
    subject: subjects.get(id) ?? {},
  }))
}
