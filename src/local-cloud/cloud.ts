import { randomBytes } from 'node:crypto'
import { Api } from './api/api.ts'
import { sweepAssets } from './assets/files.ts'
import { CloudServer } from './cloud-server.ts'
import { type CloudContext, storageDir } from './context.ts'
import { Gateway } from './gateway/gateway.ts'
import { KeyedLock } from './keyed-lock.ts'
import type { LocalCloud, LocalCloudOptions } from './options.ts'
import { QueueBroker } from './queues/broker.ts'
import { keptMs, sweepTransfers } from './resources/transfer-files.ts'
import { UploadLinks } from './resources/upload-links.ts'
import { openSharedFiles } from './runtime/bridge/shared-files.ts'
import { groupsOf } from './runtime/groups/find-group.ts'
import { WorkerLogs } from './runtime/logs/worker-logs.ts'
import type { CloudAddress } from './runtime/options/queues.ts'
import { Pool } from './runtime/pool.ts'
import { sweepOrphanedData } from './scripts/lifecycle.ts'
import { Store } from './store/index.ts'
import { Tails } from './tails/tails.ts'
import { CronClock } from './triggers/clock.ts'
import { createWorkerdRuntime } from './worker-runtime.ts'
import { proceedInstances } from './workflows/proceed.ts'

/** Creates and connects the parts: the store, the pool of running Workers, the API and the gateway. */
export async function startCloud(options: LocalCloudOptions): Promise<LocalCloud> {
  const { host, dataDir, accountId, log } = options
  if (!/^[0-9a-f]{32}$/.test(accountId)) throw new Error('local cloud: the account id must be 32 hex digits')
  const store = new Store(dataDir)
  const groups = groupsOf(store, dataDir)
  const limits = { maxRunning: 12, idleMs: 600_000 }
  const logs = new WorkerLogs()
  const address: CloudAddress = { port: 0, secret: randomBytes(24).toString('base64url') }
  const { privateNetwork = false } = options
  const runtime = options.runtime ?? createWorkerdRuntime({ privateNetwork, cloud: address })
  const pool = new Pool({
    ...{ groups, storageDir: storageDir(dataDir), runtime, log, logs, ...limits },
    onStart: (nodes) => void proceedInstances(cloud, nodes),
  })
  const tails = new Tails(options.clock ?? Date.now)
  const parts = {
    tails,
    accountId,
    dataDir,
    store,
    pool,
    runtime,
    logs,
    log,
    clock: options.clock ?? Date.now,
    images: options.images,
    uploadLinks: new UploadLinks(keptMs),
  }
  const broker = new QueueBroker(() => cloud)
  const cloud: CloudContext = { ...parts, broker, internalSecret: address.secret, locks: new KeyedLock() }
  const server = new CloudServer({
    tails,
    api: new Api(cloud, options.token),
    gateway: new Gateway(cloud),
    log,
  })
  const closeSharedFiles = openSharedFiles(storageDir(dataDir))
  const cron = new CronClock(cloud)
  let stopSweeps = () => {}
  const release = async () => {
    cron.stop()
    stopSweeps()
    broker.stop()
    tails.stop()
    await pool.stop()
    runtime.close()
    closeSharedFiles()
    store.close()
  }
  try {
    store.scripts.seedAccount(accountId, `local-${accountId.slice(0, 8)}`)
    store.zones.seed(accountId, options.zones ?? [])
    await sweepOrphanedData(dataDir, store)
    await sweepAssets(dataDir, store, cloud.clock())
    stopSweeps = await sweepTransfers(cloud)
    const port = await server.listen(host, options.port)
    address.port = port
    cron.start()
    broker.start()
    pool.watchAlarms(store.scripts.list().map(({ id }) => id))
    let stopped: Promise<void> | undefined
    const stop = () => (stopped ??= server.close().then(release))
    return { url: `http://${clientHost(host)}:${port}`, port, stop }
  } catch (error) {
    await release()
    throw error
  }
}

/** The host under which a client on this machine reaches a server that listens on `host`. */
function clientHost(host: string): string {
  if (host === '0.0.0.0' || host === '::') return '127.0.0.1'
  return host.includes(':') ? `[${host}]` : host
}
