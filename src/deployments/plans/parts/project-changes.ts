import { isDeepStrictEqual } from 'node:util'
import type { AppState } from '../../model/app-state.ts'
import type { PlanConfig, PlannedChange } from '../../model/plan.ts'
import { resourceLabels, wantedResources } from '../../model/request/resources.ts'
import type { UnappliedMigrations } from './database-migrations.ts'
import type { FoundResources } from './resources.ts'

interface Found {
  state: Pick<AppState, 'exists' | 'hasAssets' | 'settings' | 'versionSettings'>
  resources: FoundResources
  unapplied: UnappliedMigrations[]
}

/** The changes that only plans of wrangler projects have, apart from bindings, classes and triggers. */
export const projectChanges = (config: PlanConfig, found: Found): PlannedChange[] => [
  ...resourceChanges(config, found),
  ...found.unapplied.flatMap(({ binding, files }) =>
    files.map((file): PlannedChange => ({ kind: 'd1_migration', name: file, action: 'create', binding })),
  ),
  ...assetChanges(config, found),
  ...settingChanges(config, found),
]

/** The resources that the deployment creates; the others exist and do not change. */
const resourceChanges = (config: PlanConfig, { resources }: Found): PlannedChange[] =>
  wantedResources(config)
    .filter(({ key }) => (resources[key] ?? null) === null)
    .map(({ type, name, key }) => ({ kind: type, name, action: 'create', binding: key }))

function assetChanges({ script, assets, bindings }: PlanConfig, { state }: Found): PlannedChange[] {
  if (assets !== undefined) {
    const note = `${assets.files} files, ${assets.bytes} bytes`
    return [{ kind: 'assets', name: script, action: state.hasAssets ? 'replace' : 'create', note }]
  }
  return state.hasAssets && bindings !== undefined ? [{ kind: 'assets', name: script, action: 'delete' }] : []
}

function settingChanges(config: PlanConfig, { state }: Found): PlannedChange[] {
  const { versionSettings = {}, scriptSettings = {}, metadata = {} } = config
  const action = state.exists ? 'replace' : 'create'
  const present = state.versionSettings ?? {}
  const kept = Object.keys(present).filter((name) => !Object.hasOwn(versionSettings, name))
  const changed = Object.entries(scriptSettings).filter(
    ([name, value]) => !isDeepStrictEqual(state.settings[name] ?? null, value ?? null),
  )
  return [
    ...kept.map((name): PlannedChange => ({ kind: 'setting', name, action: 'keep' })),
    ...Object.entries(versionSettings)
      .filter(([name, value]) => value !== null || Object.hasOwn(present, name))
      .map(([name, value]): PlannedChange => {
        if (value === null) return { kind: 'setting', name, action: 'delete' }
        return { kind: 'setting', name, action: isDeepStrictEqual(present[name], value) ? 'keep' : action }
      }),
    ...changed.map(([name]): PlannedChange => ({ kind: 'setting', name, action })),
    ...Object.keys(metadata).map(
      (name): PlannedChange => ({ kind: 'setting', name, action, note: 'passed through unchanged' }),
    ),
  ]
}

/** What a rollback leaves, because it may hold data. */
export const keptByRollback = (config: PlanConfig, { resources, unapplied }: Found): string[] => [
  ...unapplied.map(
    ({ binding, files }) =>
      `applies migrations to the D1 database ${binding}, which stay applied: ${files.join(', ')}`,
  ),
  ...wantedResources(config)
    .filter(({ key }) => (resources[key] ?? null) === null)
    .map(({ type, name }) => `creates the ${resourceLabels[type]} ${name}, which stays`),
]
