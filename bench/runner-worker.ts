import { createPostgresBackend, type Job, Worker, withBackend } from 'bullmq'
import { Redis } from 'ioredis'
import { loadConfig } from '../src/config.ts'
import { createContext } from '../src/context.ts'
import { createLeaseKeeper, createQueueWorker, createRunner } from '../src/platform/jobs/index.ts'
import { boundNoop, concurrency } from './noop.ts'

/** A worker process of the runner's bench: `ours` or `bare`; reports its own count of finished jobs. */
const [kind] = process.argv.slice(2)
const config = loadConfig(process.env)
// The same recovery and retention as ours, so that only our part differs.
const options = {
  concurrency,
  lockDuration: 5000,
  stalledInterval: 2000,
  removeOnComplete: { count: 1000 },
  removeOnFail: { count: 1000 },
}

async function bare(): Promise<void> {
  const processor = async (_job: Job) => undefined
  if (config.redisUrl === undefined) {
    const connection = { connectionString: config.databaseUrl ?? '', schema: 'bullmq', max: 2 }
    await new (withBackend(createPostgresBackend).Worker)('bare', processor, {
      ...options,
      connection,
    }).waitUntilReady()
  } else {
    const connection = new Redis(config.redisUrl, { maxRetriesPerRequest: null })
    await new Worker('bare', processor, { ...options, connection, prefix: '{capstan-bare}' }).waitUntilReady()
  }
}

async function ours(): Promise<void> {
  const ctx = createContext(config, 'bench-worker')
  const { db, log, listener, queues } = ctx
  const keeper = createLeaseKeeper({ db, listener, log })
  const runner = createRunner({ db, jobs: [boundNoop], keeper, log, nudge: () => undefined })
  for (const service of [listener, keeper]) await service.start()
  await createQueueWorker({ queue: 'bench', concurrency, queues, runner }).start()
}

await (kind === 'ours' ? ours() : bare())
process.on('disconnect', () => process.exit(0))
process.send?.('ready')
