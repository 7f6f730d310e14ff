import { createApp, createSockets } from './app.ts'
import { processSettings } from './config.ts'
import { createContext, withRedisTopology } from './context.ts'
import { createHttpServer } from './platform/http/index.ts'
import { runProcess, type Service } from './platform/process/lifecycle.ts'
import { runMain } from './platform/process/main.ts'
import { announceReady, exitWhenOrphaned, isSupervised } from './platform/process/supervised.ts'

/** The web process: validates and authorises requests, writes rows and responds. */
async function main(): Promise<void> {
  const settings = processSettings(process.env, isSupervised())
  const ctx = createContext(await withRedisTopology(settings.config), 'web')
  settings.warn(ctx.log)
  ctx.releaseTracker.announce()
  let stopping = false
  const server = createHttpServer(
    createApp(ctx, () => stopping),
    ctx.config,
    { upgrade: createSockets(ctx), log: ctx.log },
  )
  const frame: Service = {
    name: 'context',
    start: async () => undefined,
    stop: () => ctx.dispose(),
  }
  const readiness: Service = {
    name: 'readiness',
    start: async () => undefined,
    async stop() {
      stopping = true
      ctx.hub.close()
    },
  }
  const services = [
    frame,
    ctx.clock,
    ctx.listener,
    ctx.outboxDispatcher,
    ctx.accounts,
    server,
    ctx.orchestrators,
    ctx.health.monitor.service,
    readiness,
  ]
  await runProcess(services, { log: ctx.log, onOrphaned: exitWhenOrphaned })
  ctx.log.info({ host: ctx.config.host, port: server.port() }, 'serving')
  announceReady({ port: server.port() })
}

runMain(main)
