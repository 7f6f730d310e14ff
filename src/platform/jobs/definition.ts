import type { Knex } from 'knex'
import type { z } from 'zod'
import type { Principal } from '../auth.ts'
import type { CodedError } from '../errors.ts'
import type { NewEvent } from '../events/index.ts'
import type { Logger } from '../logging/logging.ts'

export const jobStates = ['queued', 'running', 'retrying', 'completed', 'failed', 'cancelled'] as const
export type JobState = (typeof jobStates)[number]

/** A row of `jobs`: the authoritative state of one unit of work. */
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

/** The possible results of an attempt. `commit` runs in the transaction that records the outcome. */
export type Outcome =
  | { kind: 'done'; commit?: Commit }
  /** Run again with backoff, or after `afterMs`; becomes `failed` when the attempts are used up. */
  | { kind: 'retry'; error: CodedError; afterMs?: number }
  /** Run again after `ms`, without using up an attempt. */
  | { kind: 'snooze'; ms: number }
  | { kind: 'cancelled' }
  | { kind: 'failed'; error: CodedError }

export type Commit = (trx: Knex.Transaction) => Promise<void>

/** The final state of a job that did not complete. */
export type JobEnd = { state: 'failed'; error: CodedError } | { state: 'cancelled' }

/** The attempt that a handler executes: its number, its signal, and the operations that need the job's lease. */
export interface Run {
  jobId: string
  attempt: number
  maxAttempts: number
  correlationId: string | null
  /** Aborted by the time limit, a cancel, a lost lease or a shutdown. Pass it to every external call. */
  signal: AbortSignal
  log: Logger
  /**
   * Runs a transaction that commits only while this attempt holds the job's lease. The lock on the row keeps other
   * workers from claiming the job meanwhile.
   * @throws LostLease
   */
  write<T>(work: (trx: Knex.Transaction) => Promise<T>): Promise<T>
  /**
   * Appends events under the same condition as `write`, in one statement instead of a transaction of four.
   * @throws LostLease
   */
  appendEvents(events: NewEvent[]): Promise<void>
  /** Sets the progress that `GET /jobs/{id}` shows, in small batches. Resolves once it is written; never rejects. */
  progress(value: unknown): Promise<void>
}

/** The settings of a job without its code, as `enqueue` needs them. */
export interface JobSpec<Payload> {
  queue: string
  /**
   * Stable, never a class or file name, since rows outlive code. A renamed job keeps its old name until no row has it.
   */
  name: string
  payload: z.ZodType<Payload>
  maxAttempts: number
  /** Time limit of one attempt, in milliseconds. */
  timeoutMs(payload: Payload): number
  /** Delay before the next attempt: exponential with jitter, between these bounds. */
  backoff: { firstMs: number; maxMs: number }
  schedule?: Schedule | undefined
  /** The reason, if the domain has its own way to retry and `POST /jobs/{id}/retry` is refused. */
  retryRefused?: string
  /**
   * True for a job that enqueues a successor: a cancel that was accepted before the result is recorded wins over the
   * result. Other jobs keep the result of an attempt that succeeded.
   */
  cancelWins?: boolean
}

/** A job with its code. `services` is what `bindJob` passes in. */
export interface JobDefinition<Payload, Services> extends JobSpec<Payload> {
  /** True if a principal may watch the job without `jobs:read` and without having started it. */
  mayWatch?(services: Services, request: { payload: Payload; principal: Principal }): boolean
  /**
   * The details that the console shows next to the name, e.g. `{ app, environment }`: one entry per payload, in order.
   */
  describe?(services: Services, db: Knex, payloads: Payload[]): Promise<Record<string, string>[]>
  /** Checks what a principal needs beyond `jobs:write` to cancel or retry the job. @throws ACCESS_003 */
  authorizeChange?(
    services: Services,
    db: Knex,
    request: { payload: Payload; principal: Principal },
  ): Promise<void>
  handle(services: Services, payload: Payload, run: Run): Promise<Outcome>
  /** Runs in the transaction in which the job fails or is cancelled for good. */
  onFinalState?(
    services: Services,
    trx: Knex.Transaction,
    job: { payload: Payload; ending: JobEnd },
  ): Promise<void>
}

export interface Schedule {
  everyMs: number
  /** The subject of the jobs that the schedule creates. */
  subject?: string
}

/** A definition bound to its services. Payloads are parsed before each use. */
export interface BoundJob extends JobDefinition<unknown, unknown> {
  services: unknown
}

/**
 * Binds a definition to its services.
 * @param schedule replaces the definition's schedule, for an interval that comes from the configuration
 */
export function bindJob<P, S>(definition: JobDefinition<P, S>, services: S, schedule?: Schedule): BoundJob {
  return { ...definition, services, schedule: schedule ?? definition.schedule }
}

/** Thrown when an attempt writes after another worker has claimed its job. */
export class LostLease extends Error {
  override name = 'LostLease'
}

/** The reason with which an attempt's signal is aborted. */
export class RunAborted extends Error {
  override name = 'RunAborted'
  readonly why: 'timeout' | 'cancelled' | 'lost' | 'shutdown'

  constructor(why: RunAborted['why']) {
    super(`the attempt was aborted: ${why}`)
    this.why = why
  }
}
