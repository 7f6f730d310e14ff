import { propertiesOf } from '../../../platform/thrown.ts'
import type { Bundle } from './bundle.ts'
import { readAssets } from './contents/assets.ts'
import { translateCode } from './contents/code.ts'
import { readDatabases } from './contents/databases.ts'
import type { Blob } from './contents/files.ts'
import { writtenSection } from './reading/environments.ts'
import type { RawConfig } from './reading/raw-config.ts'
import { type ConfigFault, inSection, refuse } from './reading/refusals.ts'
import { inheritsRoutes, translateAddresses } from './translation/addresses.ts'
import { translateBindings } from './translation/bindings.ts'
import { translateContainers } from './translation/containers.ts'
import { type Naming, scriptOf } from './translation/naming.ts'
import { translateSettings } from './translation/settings.ts'
import { sharedWithProduction } from './translation/shared-with-production.ts'
import { buildNotes, sourceOf } from './translation/source.ts'
import { translateTriggers } from './translation/triggers.ts'
import { placeholders, secretVariables, undeployedKeys } from './translation/warnings.ts'

export interface TranslateOptions {
  /** True if staging may use all resources of production; or the names of the bindings that may. */
  share: boolean | readonly string[]
  /** False if bound resources have to exist. */
  mayCreate: boolean
}

/**
 * Translates a bundled project into the fields of the request.
 * @throws UsageFault with the keys and lines that cannot be deployed
 */
export async function translate(bundle: Bundle, options: TranslateOptions) {
  const { config, form, raw, chosen, project } = bundle
  const { section, borrowed } = chosen
  const naming = namingOf(bundle, options)
  const shareAll = options.share === true
  const bindings = translateBindings(form.metadata.bindings, config, naming)
  const dropRoutes = bundle.script !== bundle.app && !shareAll && inheritsRoutes(raw, chosen)
  const { addresses, faults, dropped } = translateAddresses(config, { dropRoutes, section })
  const container = translateContainers(config, section)
  refuse(raw, [
    ...faults,
    ...container.faults,
    ...bindings.unshareable.map((name) => unshareable(raw, section, name)),
  ])
  const files = [project.configFile, project.userConfigFile].filter((file) => file !== undefined)
  const [assets, databases, source, builds] = await Promise.all([
    readAssets(config, files),
    readDatabases(config),
    sourceOf(project, bundle.wrangler, section),
    buildNotes(project),
  ])
  const code = translateCode(bundle)
  const blobs: Blob[] = [...code.blobs, ...(assets?.blobs ?? []), ...databases.blobs]
  return {
    config: {
      ...code.config,
      ...(config.account_id == null ? {} : { accountId: config.account_id }),
      bindings: bindings.bindings,
      ...(bindings.requiredSecrets.length === 0 ? {} : { requiredSecrets: bindings.requiredSecrets }),
      ...(config.keep_vars ? { keepVars: true } : {}),
      ...(config.migrations.length === 0 ? {} : { classMigrations: config.migrations }),
      ...compatibilityAndSettings(bundle, naming, shareAll),
      ...translateTriggers(config, naming, shareAll),
      ...(assets === undefined ? {} : { assets: assets.assets }),
      ...(databases.databases.length === 0 ? {} : { databases: databases.databases }),
      ...addresses,
      source,
    },
    environmentVars: bindings.environmentVars,
    container: container.container,
    blobs: blobs.filter(uniqueDigest()),
    notes: [
      ...builds,
      ...bundle.warnings.map((text) => `wrangler: ${text}`),
      ...namingNotes(bundle, { borrowed, dropped }),
      ...leftOutNotes(assets?.leftOut ?? []),
      ...pullConsumers(bundle),
      ...sharedNotes(bundle, naming),
      ...secretVariables(raw, section),
      ...placeholders(raw, section),
      ...undeployedKeys(raw, section),
    ],
  }
}

function namingOf({ script, chosen, config }: Bundle, { share, mayCreate }: TranslateOptions): Naming {
  return {
    script,
    wranglerName: config.name ?? script,
    borrowed: chosen.borrowed,
    isShared: (binding) => share === true || (Array.isArray(share) && share.includes(binding)),
    mayCreate,
  }
}

/** Where neither a date nor flags are written, those of the app stay. */
function compatibilityAndSettings({ form, raw, chosen }: Bundle, naming: Naming, shareAll: boolean) {
  const settings = translateSettings(form.metadata, (reference) => scriptOf(naming, reference, shareAll))
  const keys = ['compatibility_date', 'compatibility_flags']
  const isWritten = [raw.value, writtenSection(raw, chosen.section)].some((each) =>
    keys.some((key) => key in each),
  )
  if (isWritten) return settings
  const { compatibility: _, ...rest } = settings
  return rest
}

function unshareable(raw: RawConfig, section: string, name: string): ConfigFault {
  return {
    path: bindingPath(raw, section, name),
    problem: `the binding ${name} would give staging a resource of production, and Capstan can't create another. Define env.staging with a resource of its own, or allow it with --share-resources`,
  }
}

/** The place of a binding: in a list of its type, or in the list of `unsafe`. */
function bindingPath(raw: RawConfig, section: string, name: string) {
  const written = writtenSection(raw, section)
  const lists = [
    ...Object.entries(written),
    ['unsafe.bindings', propertiesOf(written.unsafe).bindings] as const,
  ]
  for (const [key, value] of lists) {
    const list: unknown[] = Array.isArray(value) ? value : []
    const index = list.map(propertiesOf).findIndex((each) => each.binding === name || each.name === name)
    if (index !== -1) return inSection(section, ...key.split('.'), index)
  }
  return inSection(section, 'name')
}

function namingNotes(
  { raw, script, app, config, chosen }: Bundle,
  { borrowed, dropped }: { borrowed: boolean; dropped: string[] },
): string[] {
  const where = chosen.section === '' ? 'the top level' : `env.${chosen.section}`
  return [
    ...(borrowed
      ? [
          `staging uses ${where} of ${raw.name}, like production, but with resources of its own (${script}-...)`,
        ]
      : []),
    ...(dropped.length === 0
      ? []
      : [`staging does not get the routes that it would share with production: ${dropped.join(', ')}`]),
    ...(borrowed || config.name === undefined || config.name === script || config.name === app
      ? []
      : [`wrangler deploys ${where} as ${config.name}; Capstan deploys it as ${script}`]),
  ]
}

/** A staging with a section of its own uses what that names: production's resources only by mistake. */
function sharedNotes({ script, app, chosen, written, production }: Bundle, naming: Naming): string[] {
  const { section, borrowed } = chosen
  if (script === app || borrowed || section === production) return []
  return sharedWithProduction(written, { section, production }, naming.isShared)
}

function leftOutNotes(leftOut: string[]): string[] {
  if (leftOut.length === 0) return []
  const shown = leftOut.slice(0, 10).join(', ')
  const more = leftOut.length > 10 ? ` and ${leftOut.length - 10} more` : ''
  return [`not published with the assets: ${shown}${more}. Move the assets to a folder that has nothing else`]
}

function pullConsumers({ config }: Bundle): string[] {
  const pulled = (config.queues?.consumers ?? []).filter(({ type }) => type === 'http_pull')
  return pulled.map(
    ({ queue }) => `the queue ${queue} is pulled over HTTP: its consumer is not deployed, as with wrangler`,
  )
}

function uniqueDigest() {
  const seen = new Set<string>()
  return ({ digest }: Blob) => !seen.has(digest) && seen.add(digest) !== undefined
}
