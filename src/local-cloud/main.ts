import { processSettings } from '../config.ts'
import { createLogger } from '../platform/logging/logging.ts'
import { runProcess, type Service } from '../platform/process/lifecycle.ts'
import { runMain } from '../platform/process/main.ts'
import { announceReady, exitWhenOrphaned, isSupervised } from '../platform/process/supervised.ts'
import { type LocalCloud, localCloudCredentials, localCloudDir, startLocalCloud } from './index.ts'

/** The environment variables that workerd inherits. None of them is a Capstan setting, which a Worker must not see. */
const inherited = new Set(['PATH', 'HOME', 'TMPDIR', 'LANG', 'TZ', 'NODE_COMPILE_CACHE', 'NODE_CHANNEL_FD'])

/** The local cloud's process. It listens on loopback only, because it runs any code that is uploaded. */
async function main(): Promise<void> {
  const { config, warn } = processSettings(process.env, isSupervised())
  const log = createLogger({ level: config.logLevel, format: config.logFormat, process: 'cloud' })
  // This must follow the creation of the logger, which reads TERM and NO_COLOR to decide about colours.
  for (const name of Object.keys(process.env)) if (!inherited.has(name)) delete process.env[name]
  warn(log)
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
        zones: config.localCloud.zones,
        privateNetwork: config.localCloud.privateNetwork,
        images: config.localCloud.images,
        log,
      })
    },
    stop: async () => cloud?.stop(),
  }
  await runProcess([service], { log, onOrphaned: exitWhenOrphaned })
  log.info({ url: cloud?.url ?? '' }, 'serving')
  announceReady(cloud === undefined ? {} : { port: cloud.port })
}

runMain(main)
