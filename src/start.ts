import type { Config } from './config.ts'
import { processSettings } from './config.ts'
import { type Program, startPrograms } from './embedded/supervisor/start-programs.ts'
import { ConfigError } from './platform/errors.ts'
import { announceRunning, localUrl, type RunningService } from './platform/installation/index.ts'
import { createLogger } from './platform/logging/logging.ts'
import { endProcess } from './platform/process/process-end.ts'
import { StartFault } from './platform/process/start-fault.ts'

const migrate: Program = { name: 'migrate', file: 'src/migrate.ts' }

/** Stopped in reverse: what takes new work goes first, and what running steps still need goes last. */
const cloud: Program = { name: 'cloud', file: 'src/local-cloud/main.ts' }
/**
 * A worker waits for others and makes short-lived garbage. With V8's default a thousand polled nodes leave it at twice
 * the memory, at the same speed; Procfile and the compose file say the same.
 */
const worker: Program = { name: 'worker', file: 'workers/main.ts', flags: ['--max-semi-space-size=4'] }
/** A slave collects and delivers; queues of what it never does would only cost memory and connections. */
const slaveWorker: Program = { ...worker, args: ['collect', 'ping', 'maintenance'] }
const web: Program = { name: 'web', file: 'src/api.ts' }

async function main(): Promise<void> {
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
  })
  let stopping = false
  let withdraw: () => void = () => undefined
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      // A terminal's Ctrl-C comes twice through npm: once is enough, and the children's deadline bounds the rest.
      if (stopping) return
      stopping = true
      withdraw()
      void running.stop().then(() => endProcess(0), fail)
    })
  }
  try {
    const said = await running.ready
    for (const { notice } of said.values()) if (notice !== undefined) console.log(notice)
    if (stopping) return
    const url = localUrl({ host: config.host, port: said.get('web')?.port ?? config.port })
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
  process.stderr.write(`${error instanceof Error ? (expected ? error.message : error.stack) : error}\n`)
  endProcess(1)
}

main().catch(fail)
