import { z } from 'zod'
import { bindJob, type JobDefinition } from '../src/platform/jobs/index.ts'

/** The job of the runner's bench: nothing but the engine around it. */
export const noopJob: JobDefinition<{ n: number }, undefined> = {
  queue: 'bench',
  name: 'noop',
  payload: z.strictObject({ n: z.number() }),
  maxAttempts: 3,
  timeoutMs: () => 60_000,
  backoff: { firstMs: 1000, maxMs: 1000 },
  handle: async () => ({ kind: 'done' }),
}

export const boundNoop = bindJob(noopJob, undefined)
export const concurrency = 50
