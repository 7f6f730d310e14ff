import { ConfigError } from '../../../src/platform/errors.ts'
import { createLogger } from '../../../src/platform/logging/logging.ts'
import type { Service } from '../../../src/platform/process/lifecycle.ts'
import { runProcess } from '../../../src/platform/process/lifecycle.ts'
import { runMain } from '../../../src/platform/process/main.ts'
import { announceReady, exitWhenOrphaned } from '../../../src/platform/process/supervised.ts'

// A Capstan process with one service that behaves as given: `process.ts <serving|starting|failing|misconfigured>`.
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
      // This imitates a connection pool that is closed during a query.
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
