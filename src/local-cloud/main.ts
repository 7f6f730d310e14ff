import { loadConfig } from '../platform/config.ts'
import { runProcess, type Service } from '../platform/lifecycle.ts'
import { createLogger } from '../platform/logging.ts'
import { runMain } from '../platform/main.ts'
import { announceReady, exitWhenOrphaned } from '../platform/supervisor/supervisor.ts'
import { type LocalCloud, localCloudCredentials, localCloudDir, startLocalCloud } from './index.ts'

/** The local cloud's process. Always on loopback: it runs what it is given. */
async function main(): Promise<void> {
  const config = loadConfig(process.env)
  const log = createLogger({ level: config.logLevel, process: 'cloud' })
  const dataDir = localCloudDir(config.dataDir)
  let cloud: LocalCloud | undefined
  const service: Service = {
    name: 'local-cloud',
    async start() {
      const { port } = config.localCloud
      const { accountId, apiToken: token } = localCloudCredentials(config.dataDir, config.localCloud.token)
      cloud = await startLocalCloud({
        host: '127.0.0.1',
        port,
        dataDir,
        accountId,
        token,
        log,
      })
    },
    stop: async () => cloud?.stop(),
  }
  await runProcess([service], { log, onOrphaned: exitWhenOrphaned })
  log.info({ url: cloud?.url ?? '' }, 'serving')
  announceReady()
}

runMain(main)
