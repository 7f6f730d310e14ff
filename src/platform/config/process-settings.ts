import { ConfigError } from '../errors.ts'
import type { Logger } from '../logging/logging.ts'
import { addSettings, type EnvFile, readEnvFile } from './env-file.ts'
import { type Config, knownSettings, loadConfig } from './index.ts'
import { misspeltSettings, misspeltText } from './misspelt.ts'

export interface ProcessSettings {
  config: Config
  /** Names that look like settings and are none, as lines for the log. */
  warn(log: Pick<Logger, 'warn'>): void
}

/**
 * The configuration of a process of ours: its environment, to which the settings of its `.env` are added.
 * @param supervised the process that started this one has warned already
 * @throws ConfigError with all faults, and with names that were probably meant for what is missing.
 */
export function processSettings(env: NodeJS.ProcessEnv, supervised: boolean): ProcessSettings {
  const file = readEnvFile(env)
  addSettings(env, file)
  const warnings = supervised ? [] : settingWarnings(env, file)
  try {
    const config = loadConfig(env)
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
export function settingWarnings(env: NodeJS.ProcessEnv, file: EnvFile | undefined): string[] {
  return misspeltSettings(env, file, knownSettings).map(misspeltText)
}
