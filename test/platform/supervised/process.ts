import { ConfigError } from '../../../src/platform/errors.ts'
import type { Service } from '../../../src/platform/lifecycle.ts'
import { runProcess } from '../../../src/platform/lifecycle.ts'
import { createLogger } from '../../../src/platform/logging.ts'
import { runMain } from '../../../src/platform/main.ts'
import { announceReady, exitWhenOrphaned } from '../../../src/platform/supervisor/supervisor.ts'

// A process of ours with one service, by its behaviour: `process.ts <serving|starting|failing|misconfigured>`.
const [behaviour] = process.argv.slice(2)

function service(): Service {
  const started = Promise.withResolvers<void>()
  setInterval(() => undefined, 1000)
  return {
    name: behaviour ?? '',
    async start() {
      console.log('starting')
      if (behaviour === 'starting') await started.promise
    },
    async stop() {
      // As a pool does that is closed under a query.
      started.reject(new Error('closed while it started'))
      await started.promise.catch(() => undefined)
    },
  }
}

runMain(async () => {
  if (behaviour === 'failing') throw new Error('the start failed')
  if (behaviour === 'misconfigured') throw new ConfigError(['PORT: expected a port number'])
  const log = createLogger({ level: 'info', process: 'test' })
  await runProcess([service()], { log, onOrphaned: exitWhenOrphaned })
  console.log('started')
  announceReady()
})
