import { z } from 'zod'
import { accountsVariables, type FirstAdminConfig, firstAdminConfig } from './accounts/config.ts'
import {
  type BinaryReleasesConfig,
  binaryReleasesConfig,
  binaryReleasesVariables,
} from './binary-releases/config.ts'
import { type DeploymentsConfig, deploymentsConfig, deploymentsVariables } from './deployments/config.ts'
import { readEmbeddedPostgres } from './embedded/postgres/settings.ts'
import { embeddedSecretKey } from './embedded/secret-key.ts'
import { type LocalCloudConfig, localCloudConfig, localCloudVariables } from './local-cloud/config.ts'
import {
  type OrchestratorsConfig,
  orchestratorsConfig,
  orchestratorVariables,
} from './orchestrators/config.ts'
import {
  faultsOf,
  isProduction,
  type PlatformConfig,
  platformConfig,
  platformFaults,
  platformVariables,
} from './platform/config/index.ts'
import { otherVariables } from './platform/config/other-variables.ts'
import { type ProcessSettings, readProcessSettings } from './platform/config/process-settings.ts'
import { type Setting, settingsOf } from './platform/config/settings.ts'
import { ConfigError } from './platform/errors.ts'
import {
  type ReleaseTrackerConfig,
  releaseTrackerConfig,
  releaseTrackerVariables,
} from './release-tracker/config.ts'

/** The settings of all domains, parsed once when a process starts. Each domain receives its own part. */
export interface Config extends PlatformConfig, DeploymentsConfig {
  admin: FirstAdminConfig
  localCloud: LocalCloudConfig
  binaryReleases: BinaryReleasesConfig
  releaseTracker: ReleaseTrackerConfig
  orchestrators: OrchestratorsConfig
}

const variables = z.object({
  ...platformVariables.shape,
  ...accountsVariables.shape,
  ...localCloudVariables.shape,
  ...deploymentsVariables.shape,
  ...binaryReleasesVariables.shape,
  ...releaseTrackerVariables.shape,
  ...orchestratorVariables.shape,
})
type Variables = z.infer<typeof variables>

/** All settings with what people read about them, in the order of the documentation. */
export const settings = (): Setting[] => [...settingsOf(variables), ...otherVariables]

/** The names of all settings. */
export const knownSettings: readonly string[] = Object.keys(variables.shape)

/**
 * Parses the environment and reports all faults together.
 * @throws ConfigError with one line per faulty variable, without its value
 */
export function loadConfig(env: NodeJS.ProcessEnv): Config {
  const present = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined))
  const { vars, faults } = readVariables(present)
  faults.push(...platformFaults(vars, present))
  const deployments = deploymentsConfig(vars, faults)
  const binaryReleases = binaryReleasesConfig(vars, faults)
  const releaseTracker = releaseTrackerConfig(vars, faults)
  // A slave only collects releases and deploys nothing.
  const deploysHere = vars.CLOUDFLARE_TARGET === 'local' || !isProduction(vars, present)
  const localCloud = localCloudConfig(vars, { enabled: vars.MODE !== 'slave' && deploysHere, faults })
  if (faults.length > 0) throw new ConfigError(faults)
  return {
    ...platformConfig(vars, present, {
      databaseUrl: (dataDir) => readEmbeddedPostgres(dataDir)?.url,
      secretKey: embeddedSecretKey,
    }),
    ...deployments,
    admin: firstAdminConfig(vars),
    localCloud,
    binaryReleases,
    releaseTracker,
    orchestrators: orchestratorsConfig(vars),
  }
}

/** Omits faulty variables, so that the checks across variables can add their faults. */
function readVariables(present: NodeJS.ProcessEnv): { vars: Variables; faults: string[] } {
  const parsed = variables.safeParse(present)
  if (parsed.success) return { vars: parsed.data, faults: [] }
  const { issues } = parsed.error
  const faulty = new Set(issues.map((issue) => String(issue.path[0])))
  const rest = Object.fromEntries(Object.entries(present).filter(([name]) => !faulty.has(name)))
  return {
    vars: variables.parse(rest),
    faults: faultsOf(parsed.error),
  }
}

/**
 * The configuration of a process, from its environment and the settings of its `.env`.
 * @param supervised true if the process that started this one has already warned about unknown names
 * @throws ConfigError with all faults, and with suggestions for unknown names
 */
export function processSettings(env: NodeJS.ProcessEnv, supervised: boolean): ProcessSettings<Config> {
  return readProcessSettings(env, { supervised, load: loadConfig, known: knownSettings })
}
