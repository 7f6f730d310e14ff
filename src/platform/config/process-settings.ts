import { ConfigError } from '../errors.ts'
import type { Logger } from '../logging/logging.ts'
import { addSettings, type EnvFile, readEnvFile } from './env-file.ts'
import { misspeltSettings, misspeltText } from './misspelt.ts'

export interface ProcessSettings<Config> {
  config: Config
  /** Names that look like settings and are none, as lines for the log. */
  warn(log: Pick<Logger, 'warn'>): void
}

/**
 * Adds the settings of the process's `.env` to its environment, and parses that.
 * @throws ConfigError with all faults, and with the settings that misspelt names were probably meant for.
 */
export function readProcessSettings<Config>(
  env: NodeJS.ProcessEnv,
  options: {
    /** True when the process that started this one has warned already. */
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
        for (const warning of warnings) log.warn(warning)
      },
    }
  } catch (error) {
    throw error instanceof ConfigError ? new ConfigError([...error.faults, ...warnings]) : error
  }
}

/** One line for each name that looks like a setting and is none; never a value. */
export function settingWarnings(
  env: NodeJS.ProcessEnv,
  file: EnvFile | undefined,
  known: readonly string[],
): string[] {
  return misspeltSettings(env, file, known).map(misspeltText)
}
