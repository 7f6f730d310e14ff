import { ConfigError } from '../errors.ts'
import type { Logger } from '../logging/logging.ts'
import { addSettings, readEnvFile } from './env-file.ts'
import { settingWarnings } from './unknown-settings.ts'
import { urlWarnings } from './url-warnings.ts'

export interface ProcessSettings<Config> {
  config: Config
  /** Logs names that look like settings but are unknown, and options of URLs that have no effect. */
  warn(log: Pick<Logger, 'warn'>): void
}

/**
 * Adds the settings of the process's `.env` to its environment and parses the result.
 * @throws ConfigError with all faults, and with suggestions for unknown names
 */
export function readProcessSettings<Config>(
  env: NodeJS.ProcessEnv,
  options: {
    /** True if the process that started this one has already logged the warnings. */
    supervised: boolean
    load: (env: NodeJS.ProcessEnv) => Config
    /** The names of all settings. */
    known: readonly string[]
  },
): ProcessSettings<Config> {
  const file = readEnvFile(env)
  addSettings(env, file)
  const warnings = options.supervised ? [] : settingWarnings(env, file, options.known)
  try {
    const config = options.load(env)
    return {
      config,
      warn(log) {
        const ignored = options.supervised ? [] : urlWarnings(env)
        for (const warning of [...warnings, ...ignored]) log.warn(warning)
      },
    }
  } catch (error) {
    throw error instanceof ConfigError ? new ConfigError([...error.faults, ...warnings]) : error
  }
}
