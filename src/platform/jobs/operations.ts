import { z } from 'zod'
import {
  count,
  eventOf,
  eventStream,
  jsonAnswer,
  type OperationDescription,
  resumeHeader,
  resumeQuery,
  streamHasEnded,
  time,
} from '../operations/index.ts'
import { jobStates } from './definition.ts'

const state = z.enum(jobStates)
const fault = z.strictObject({ code: z.string(), message: z.string() }).nullable()

const job = z
  .strictObject({
    id: z.uuid(),
    queue: z.string(),
    name: z.string(),
    state,
    attempt: count.describe('The number of attempts that have begun'),
    max_attempts: count,
    progress: z.unknown().describe('What the job reports of its progress; its shape depends on the job'),
    error: fault.describe('Why the last attempt failed'),
    cancel_requested: z.boolean(),
    late_ms: z.number().nullable().describe('The time between being due and its first attempt'),
    created_at: time,
    started_at: time.nullable(),
    finished_at: time.nullable(),
    subject: z.string().nullable().describe('What the job is about, such as `deployment:<id>`'),
    links: z.strictObject({ self: z.string(), events: z.string() }),
  })
  .meta({ id: 'Job' })

const jobList = z
  .strictObject({ jobs: z.array(job), next_cursor: z.string().nullable() })
  .meta({ id: 'JobList' })

const change = z
  .strictObject({ state, attempt: count, max_attempts: count.optional(), error: fault.optional() })
  .meta({ id: 'JobStateChange' })
const jobEvent = z
  .union([
    eventOf('state', change),
    eventOf('progress', z.unknown()),
    eventOf('end', change),
    eventOf('end-of-attempt', change),
  ])
  .meta({ id: 'JobEvent' })

export const operations = {
  listJobs: {
    summary: 'Lists jobs, newest first.',
    answers: { 200: jsonAnswer('One page of jobs', jobList) },
  },
  getJob: {
    summary: 'Shows a job.',
    answers: { 200: jsonAnswer('The job', job) },
  },
  cancelJob: {
    summary: 'Cancels a job.',
    description: 'A job that runs is asked to stop: it ends as `cancelled` a little later.',
    answers: { 202: jsonAnswer('The job', job) },
    errors: ['STATE_001'],
    idempotencyKey: true,
  },
  retryJob: {
    summary: 'Runs a failed or cancelled job again.',
    answers: { 202: jsonAnswer('The job', job) },
    errors: ['STATE_001'],
    idempotencyKey: true,
  },
  watchJob: {
    summary: 'Streams the events of a job.',
    description: 'The stream ends with the event `end`, unless the job was run again since.',
    answers: { 200: eventStream('The events', jobEvent), 204: streamHasEnded },
    parameters: { query: resumeQuery, header: resumeHeader },
  },
} satisfies Record<string, OperationDescription>
