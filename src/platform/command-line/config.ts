import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { type Config, loadConfig } from '../config/index.ts'
import { UsageFault } from './faults.ts'

/**
 * The configuration of the service that belongs to this environment.
 * @throws UsageFault where no embedded service was ever started: reading its configuration would begin one, with a
 * secret key of its own, in whatever folder the command happens to run.
 */
export function commandConfig(env: NodeJS.ProcessEnv): Config {
  const embedded = env.DATABASE_URL === undefined && env.ENVIRONMENT !== 'production'
  const dataDir = resolve(env.DATA_DIR || '.capstan')
  if (embedded && !existsSync(dataDir)) {
    throw new UsageFault(
      `Capstan was never started here (there is no ${dataDir}): run npm start, set DATA_DIR, or set CAPSTAN_URL and CAPSTAN_TOKEN`,
    )
  }
  return loadConfig(env)
}

/** Where the service of a configuration answers from this machine. */
export function localUrl({ host, port }: Pick<Config, 'host' | 'port'>): string {
  const reachable = { '0.0.0.0': '127.0.0.1', '::': '::1' }[host] ?? host
  return `http://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`
}
