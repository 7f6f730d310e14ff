import { type QueueName, queueNames } from '../src/catalog.ts'
import { processSettings } from '../src/config.ts'
import { createContext, withRedisTopology } from '../src/context.ts'
import { ConfigError } from '../src/platform/errors.ts'
import { concurrently, runProcess, type Service } from '../src/platform/process/lifecycle.ts'
import { runMain } from '../src/platform/process/main.ts'
import { announceReady, exitWhenOrphaned, isSupervised } from '../src/platform/process/supervised.ts'
import { collectWorker } from './collect.ts'
import { deployStepWorker } from './deploy-step.ts'
import { maintenanceWorker } from './maintenance.ts'
import { pingWorker } from './ping.ts'
import { pollOrchestratorsWorker } from './poll-orchestrators.ts'
import { rollbackWorker } from './rollback.ts'
import { createWorkerRuntime, type WorkerRuntime } from './runtime.ts'

const workers: Record<QueueName, (runtime: WorkerRuntime) => Service> = {
  'deploy-step': deployStepWorker,
  rollback: rollbackWorker,
  collect: collectWorker,
  ping: pingWorker,
  'poll-orchestrators': pollOrchestratorsWorker,
  maintenance: maintenanceWorker,
}

/** The worker process: `node workers/main.ts [queue...]`; no argument means all queues. */
async function main(): Promise<void> {
  const named = process.argv.slice(2)
  const unknown = named.filter((name) => !(queueNames as string[]).includes(name))
  if (unknown.length > 0) {
    throw new ConfigError([`${unknown.join(', ')}: unknown queue; the queues are ${queueNames.join(', ')}`])
  }
  const chosen = named.length === 0 ? queueNames : (named as QueueName[])
  const settings = processSettings(process.env, isSupervised())
  const ctx = createContext(await withRedisTopology(settings.config), 'worker')
  settings.warn(ctx.log)
  const runtime = createWorkerRuntime(ctx)
  // Stopped concurrently: while one queue waits for a long job, the others must not fetch new jobs.
  const fetching = concurrently(
    'queues',
    chosen.map((name) => workers[name](runtime)),
  )
  const services = [...runtime.before, fetching, ...runtime.after]
  await runProcess(services, { log: ctx.log, onOrphaned: exitWhenOrphaned })
  ctx.log.info({ queue: chosen.join(' ') }, 'working')
  announceReady()
}

runMain(main)
