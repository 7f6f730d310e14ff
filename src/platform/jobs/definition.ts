import type { Knex } from 'knex'
import type { z } from 'zod'
import type { Principal } from '../auth.ts'
import type { CodedError } from '../errors.ts'
import type { Logger } from '../logging/logging.ts'

export const jobStates = ['queued', 'running', 'retrying', 'completed', 'failed', 'cancelled'] as const
export type JobState = (typeof jobStates)[number]

/** A row of `jobs`, the truth about one unit of work. */
export interface Job {
  id: string
  queue: string
  name: string
  payload: unknown
  state: JobState
  attempt: number
  maxAttempts: number
  crashes: number
  progress: unknown
  error: { code: string; message: string } | null
  subject: string | null
  owner: string | null
  correlationId: string | null
  cancelRequestedAt: Date | null
  lateMs: number | null
  createdAt: Date
  startedAt: Date | null
  finishedAt: Date | null
}

/** How a run may end; nothing else. A `commit` joins the same transaction as the outcome. */
export type Outcome =
  | { kind: 'done'; commit?: Commit }
  /** Again, with backoff or after `afterMs`; becomes `failed` when the attempts are used up. */
  | { kind: 'retry'; error: CodedError; afterMs?: number }
  /** Again after `ms`, without using up an attempt. */
  | { kind: 'snooze'; ms: number }
  | { kind: 'cancelled' }
  | { kind: 'failed'; error: CodedError }

export type Commit = (trx: Knex.Transaction) => Promise<void>

/** How a job ended for good without its handler's own commit. */
export type Ending = { state: 'failed'; error: CodedError } | { state: 'cancelled' }

/** One attempt, as its handler sees it. */
export interface Run {
  jobId: string
  attempt: number
  maxAttempts: number
  correlationId: string | null
  /** Aborted by the time limit, a cancel, a lost lease or a shutdown. Pass it to every outside call. */
  signal: AbortSignal
  log: Logger
  /**
   * A transaction that commits only while this run still holds its job: another holder can't come in between.
   * @throws LostLease
   */
  write<T>(work: (trx: Knex.Transaction) => Promise<T>): Promise<T>
  /** Shown in `GET /jobs/{id}`, written in small batches. Resolves when it is there; never rejects. */
  progress(value: unknown): Promise<void>
}

export interface JobDefinition<Payload, Services> {
  queue: string
  /** Stable, never a class or file name: rows outlive code. To rename, keep the old name registered until drained. */
  name: string
  payload: z.ZodType<Payload>
  maxAttempts: number
  timeoutMs(payload: Payload): number
  /** Exponential with jitter between attempts. */
  backoff: { firstMs: number; maxMs: number }
  schedule?: Schedule
  /** A reason when its domain has its own way to retry. */
  retryRefused?: string
  /**
   * True for a job that others follow: a cancel that was accepted before the result is recorded then wins over it.
   * Elsewhere a run that ended well keeps its result.
   */
  cancelWins?: boolean
  /** Who may watch it without `jobs:read`, and without having started it. */
  mayWatch?(services: Services, about: { payload: Payload; principal: Principal }): boolean
  /** What operators see beside its name, e.g. `{ app, environment }`: one entry for each payload, in their order. */
  describe?(services: Services, db: Knex, payloads: Payload[]): Promise<Record<string, string>[]>
  /** What a principal needs beyond `jobs:write` to cancel or retry it. @throws ACCESS_003 */
  mayChange?(services: Services, db: Knex, about: { payload: Payload; principal: Principal }): Promise<void>
  handle(services: Services, payload: Payload, run: Run): Promise<Outcome>
  /** What else becomes true, in the same transaction, when the job fails or is cancelled for good. */
  settle?(services: Services, trx: Knex.Transaction, job: { payload: Payload; ending: Ending }): Promise<void>
}

export interface Schedule {
  everyMs: number
  /** What the jobs that it makes are about. */
  subject?: string
}

/** A definition with its services filled in: what the runner and the verbs work with. */
export interface BoundJob {
  queue: string
  name: string
  payload: z.ZodType
  maxAttempts: number
  timeoutMs(payload: unknown): number
  backoff: { firstMs: number; maxMs: number }
  schedule: Schedule | undefined
  retryRefused: string | undefined
  cancelWins: boolean
  mayWatch: ((about: { payload: unknown; principal: Principal }) => boolean) | undefined
  describe: ((db: Knex, payloads: unknown[]) => Promise<Record<string, string>[]>) | undefined
  mayChange: ((db: Knex, about: { payload: unknown; principal: Principal }) => Promise<void>) | undefined
  handle(payload: unknown, run: Run): Promise<Outcome>
  settle: ((trx: Knex.Transaction, job: { payload: unknown; ending: Ending }) => Promise<void>) | undefined
}

/**
 * Ties a definition to its services; every use parses the payload first, so the cast below is checked.
 * @param schedule where it comes from the configuration, and not from the definition.
 */
export function bindJob<P, S>(definition: JobDefinition<P, S>, services: S, schedule?: Schedule): BoundJob {
  const { settle, mayChange, mayWatch, describe } = definition
  return {
    ...definition,
    schedule: schedule ?? definition.schedule,
    mayWatch: mayWatch && ((about) => mayWatch(services, { ...about, payload: about.payload as P })),
    describe: describe && ((db, payloads) => describe(services, db, payloads as P[])),
    retryRefused: definition.retryRefused,
    cancelWins: definition.cancelWins ?? false,
    mayChange:
      mayChange && ((db, about) => mayChange(services, db, { ...about, payload: about.payload as P })),
    timeoutMs: (payload) => definition.timeoutMs(payload as P),
    handle: (payload, run) => definition.handle(services, payload as P, run),
    settle:
      settle && ((trx, job) => settle(services, trx, { payload: job.payload as P, ending: job.ending })),
  }
}

/** Thrown by writes of a run whose job has another holder by now. */
export class LostLease extends Error {
  override name = 'LostLease'
}

/** Why a run's signal was aborted. */
export class RunAborted extends Error {
  override name = 'RunAborted'
  readonly why: 'timeout' | 'cancelled' | 'lost' | 'shutdown'

  constructor(why: RunAborted['why']) {
    super(`the run was ended: ${why}`)
    this.why = why
  }
}
