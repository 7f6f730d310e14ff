import { flushCompileCache } from 'node:module'
import { loadConfig } from '../../../src/config.ts'
import { createGitHub } from '../../../src/deployments/github/index.ts'
import { createGitHubRecords } from '../../../src/deployments/github/records.ts'
import {
  deleteAppJob,
  deployStepJob,
  lateArrivalsJob,
  rollbackJob,
} from '../../../src/deployments/handlers.ts'
import { createImages } from '../../../src/deployments/images/images.ts'
import { createAddresses } from '../../../src/deployments/targets/addresses.ts'
import { createTargets } from '../../../src/deployments/targets/targets.ts'
import { createVault } from '../../../src/deployments/targets/vault.ts'
import { localCloudCredentials } from '../../../src/local-cloud/credentials.ts'
import { createListener } from '../../../src/platform/events/listener.ts'
import { bindJob } from '../../../src/platform/jobs/definition.ts'
import { createEnqueue } from '../../../src/platform/jobs/enqueue.ts'
import { createLeaseKeeper } from '../../../src/platform/jobs/execution/lease-keeper.ts'
import { createRunner } from '../../../src/platform/jobs/execution/runner.ts'
import { createLogger } from '../../../src/platform/logging/logging.ts'
import { createOutgoing } from '../../../src/platform/network/outgoing.ts'
import { createDb } from '../../../src/platform/postgres/db.ts'
import type { DeliveryJob } from '../../../src/platform/queues/index.ts'
import { createSecrets } from '../../../src/platform/secrets.ts'

/**
 * A worker process that runs the one delivery that it is told, and is killed or stopped in the middle of it. It has the
 * engine, the runner and the leases of a real one, without the queues: many of them have to start quickly.
 */
async function main(): Promise<void> {
  const name = process.env.MORTAL_NAME ?? 'mortal'
  const config = loadConfig(process.env)
  const log = createLogger({ level: config.logLevel, process: name })
  const db = createDb({ url: config.databaseUrl ?? '', name })
  const listener = createListener(config.databaseUrl ?? '', log)
  const secrets = createSecrets(config.secretKey, config.previousSecretKeys)
  const dispatcher = createOutgoing()
  const localCredentials = async () => localCloudCredentials(config.dataDir, config.localCloud.token)
  const vault = createVault(db, secrets)
  const targets = createTargets({ db, config, vault, dispatcher, localCredentials })
  const github = createGitHub({ config: config.github, dispatcher, log })
  const { publicUrl } = config
  const records = createGitHubRecords({ db, github, publicUrl, addresses: createAddresses(db, targets) })
  const services = {
    db,
    secrets,
    targets,
    images: createImages({ dispatcher }),
    records,
    enqueue: createEnqueue(() => undefined),
  }
  const jobs = [
    bindJob(deployStepJob, services),
    bindJob(rollbackJob, services),
    bindJob(lateArrivalsJob, services),
    bindJob(deleteAppJob, services),
  ]
  const keeper = createLeaseKeeper({ db, listener, log })
  const runner = createRunner({ db, jobs, keeper, log, nudge: () => undefined })
  await keeper.start()
  await db.raw('select 1')
  // By itself it is written at the exit, which a killed process does not come to.
  flushCompileCache()
  process.on('message', async ({ job, queueName }: { job: string; queueName: string }) => {
    const delivery = { data: { job }, queueName, opts: {}, timestamp: Date.now() } as DeliveryJob
    await runner.run(delivery)
    await runner.idle()
    process.send?.('ended')
  })
  // Without a test that tells it what to do, it is not needed.
  process.on('disconnect', () => process.exit())
  process.send?.('ready')
}

await main()
