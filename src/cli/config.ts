import { type Config, loadConfig } from '../platform/config/index.ts'
import {
  findInstallation,
  type Installation,
  type Place,
  readRunning,
} from '../platform/installation/index.ts'
import { UsageFault } from './faults.ts'

const otherwise = 'run npm start in its checkout, set DATA_DIR, or set CAPSTAN_URL and CAPSTAN_TOKEN'

/**
 * The installation that a command means; see `findInstallation` for the order.
 * @throws UsageFault where there is none, or where several run and nothing says which is meant.
 */
export function chosenInstallation(
  env: NodeJS.ProcessEnv,
  wanted: Place['wanted'],
  cwd = process.cwd(),
): Installation {
  const found = findInstallation({ env, cwd, wanted })
  if ('dataDir' in found) return found
  if ('missing' in found)
    throw new UsageFault(`Capstan was never started here (there is no ${found.missing}): ${otherwise}`)
  throw new UsageFault(
    [
      'Several installations of Capstan run on this machine. Choose one of them:',
      ...found.several.map(({ dataDir, url }) => `  DATA_DIR=${dataDir}  # ${url}`),
    ].join('\n'),
  )
}

/**
 * The configuration of the service that a command means. The local cloud is that of the running service,
 * whatever the variables of this shell say.
 * @throws UsageFault where no embedded service was ever started: reading its configuration would begin one, with a
 * secret key of its own, in whatever folder the command happens to run.
 */
export function commandConfig(env: NodeJS.ProcessEnv, wanted: Place['wanted'] = 'data'): Config {
  const embedded = env.DATABASE_URL === undefined && env.ENVIRONMENT !== 'production'
  const chosen = embedded ? chosenInstallation(env, wanted) : undefined
  const config = loadConfig(chosen === undefined ? env : { ...env, DATA_DIR: chosen.dataDir })
  const running = chosen === undefined ? readRunning(config.dataDir) : chosen.running
  if (running === undefined) return config
  const { port, token } = running.localCloud ?? {}
  const localCloud = { ...config.localCloud, enabled: port !== undefined, port: port ?? 0, token }
  return { ...config, localCloud }
}
