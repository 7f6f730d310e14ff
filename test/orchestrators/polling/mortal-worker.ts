import { flushCompileCache } from 'node:module'
import { loadConfig } from '../../../src/config.ts'
import { pollCycleJob } from '../../../src/orchestrators/jobs.ts'
import { createNodeClient } from '../../../src/orchestrators/node/client.ts'
import { runCycle, runShard, settleShard } from '../../../src/orchestrators/polling/cycle.ts'
import { createListener } from '../../../src/platform/events/listener.ts'
import { bindJob } from '../../../src/platform/jobs/definition.ts'
import { createEnqueue } from '../../../src/platform/jobs/enqueue.ts'
import { createLeaseKeeper } from '../../../src/platform/jobs/execution/lease-keeper.ts'
import { createRunner } from '../../../src/platform/jobs/execution/runner.ts'
import { createLogger } from '../../../src/platform/logging/logging.ts'
import { createDb } from '../../../src/platform/postgres/db.ts'
import type { DeliveryJob } from '../../../src/platform/queues/index.ts'

/**
 * A worker process that runs one delivery and is gone in front of its n-th statement, by SIGKILL: what it had begun
 * in the database counts for nothing.
 */
async function main(): Promise<void> {
  const config = loadConfig(process.env)
  const log = createLogger({ level: 'fatal', process: 'mortal' })
  const db = createDb({ url: config.databaseUrl ?? '', name: 'mortal' })
  const listener = createListener(config.databaseUrl ?? '', log)
  const polled = {
    ...{ db, config: config.orchestrators, client: createNodeClient() },
    enqueue: createEnqueue(() => undefined),
  }
  const polling = {
    runCycle: (run: Parameters<typeof runCycle>[1]) => runCycle(polled, run),
    runShard: (...[payload, run]: [Parameters<typeof runShard>[1], Parameters<typeof runShard>[2]]) =>
      runShard(polled, payload, run),
    settleShard: (
      ...[trx, { payload }]: [
        Parameters<typeof settleShard>[0],
        { payload: Parameters<typeof settleShard>[1] },
      ]
    ) => settleShard(trx, payload),
  }
  const keeper = createLeaseKeeper({ db, listener, log })
  const schedule = { everyMs: config.orchestrators.pollIntervalMs }
  const jobs = [bindJob(pollCycleJob, polling, schedule)]
  const runner = createRunner({ db, jobs, keeper, log, nudge: () => undefined })
  await db.raw('select 1')
  flushCompileCache()
  process.on('message', async ({ delivery, dieAt }: { delivery: DeliveryJob; dieAt: number }) => {
    let statements = 0
    db.on('query', ({ sql }: { sql: string }) => {
      if (++statements !== dieAt) return
      process.send?.({ died: sql }, () => undefined)
      // The message is in the pipe; this takes effect before the statement is sent.
      process.kill(process.pid, 'SIGKILL')
    })
    await runner.run(delivery)
    await runner.idle()
    process.send?.({ statements })
  })
  process.on('disconnect', () => process.exit())
  process.send?.('ready')
}

await main()
