import type { Config } from './config.ts'
import { processSettings } from './config.ts'
import { type Program, startPrograms } from './embedded/supervisor/start-programs.ts'
import { ConfigError } from './platform/errors.ts'
import { announceRunning, localUrl, type RunningService } from './platform/installation/index.ts'
import { createLogger } from './platform/logging/logging.ts'
import { sourceStack } from './platform/logging/source-positions.ts'
import { endProcess } from './platform/process/process-end.ts'
import { StartFault } from './platform/process/start-fault.ts'

const migrate: Program = { name: 'migrate', file: 'src/migrate.ts' }

// Programs stop in reverse order: those that accept work first, and those that running steps need last.
const cloud: Program = { name: 'cloud', file: 'src/local-cloud/main.ts' }
/**
 * A worker mostly waits and creates short-lived objects. With V8's default flags it needs twice the memory to poll a
 * thousand nodes, at the same speed. Procfile and the compose file set the same flag.
 */
const worker: Program = { name: 'worker', file: 'workers/main.ts', flags: ['--max-semi-space-size=4'] }
/** A slave works only these queues; the others would cost memory and connections and have no jobs. */
const slaveWorker: Program = { ...worker, args: ['collect', 'ping', 'maintenance'] }
const web: Program = { name: 'web', file: 'src/api.ts' }

async function startAll(bundle: string | undefined): Promise<void> {
  const { config, warn } = processSettings(process.env, false)
  const slave = config.releaseTracker.mode === 'slave'
  const log = createLogger({ level: config.logLevel, format: config.logFormat, process: 'supervisor' })
  warn(log)
  const running = startPrograms({
    config,
    log,
    first: migrate,
    programs: [...(config.localCloud.enabled ? [cloud] : []), slave ? slaveWorker : worker, web],
    small: slave,
    bundle,
  })
  let stopping = false
  let withdraw: () => void = () => undefined
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      // npm delivers a terminal's Ctrl-C twice. The second signal is ignored; the children's deadline bounds the stop.
      if (stopping) return
      stopping = true
      withdraw()
      void running.stop().then(() => endProcess(0), fail)
    })
  }
  try {
    const messages = await running.ready
    for (const { notice } of messages.values()) if (notice !== undefined) console.log(notice)
    if (stopping) return
    const url = localUrl({ host: config.host, port: messages.get('web')?.port ?? config.port })
    withdraw = announceRunning({ env: process.env, dataDir: config.dataDir, log }, describe(config, url))
    console.log(`ready ${url}/admin`)
  } catch (error) {
    if (stopping) return
    await running.stop()
    throw error
  }
}

function describe({ embedded, localCloud }: Config, url: string): RunningService {
  const { enabled, port, token } = localCloud
  return {
    pid: process.pid,
    url,
    embedded,
    ...(enabled ? { localCloud: { port, ...(token === undefined ? {} : { token }) } } : {}),
  }
}

function fail(error: unknown): never {
  const expected = error instanceof ConfigError || error instanceof StartFault
  process.stderr.write(
    `${error instanceof Error ? (expected ? error.message : sourceStack(error.stack ?? '')) : error}\n`,
  )
  endProcess(1)
}

/**
 * Starts the service of one machine. Ends the process if it can't.
 * @param bundle the folder of the bundled programs; undefined to run them from their sources
 */
export const start = (bundle: string | undefined): Promise<void> => startAll(bundle).catch(fail)
