import { isDeepStrictEqual } from 'node:util'
import type { ContainerApplication } from '../cloudflare/containers-api.ts'
import type { AppState } from '../model/app-state.ts'
import type { Plan, PlannedChange, PlanPreview, Publication } from '../model/plan.ts'
import type { Compatibility } from '../model/request/code.ts'
import { bindingChanges } from './parts/binding-changes.ts'
import { classChanges, lastingClassChanges } from './parts/class-changes.ts'
import type { UnappliedMigrations } from './parts/database-migrations.ts'
import { keptByRollback, projectChanges } from './parts/project-changes.ts'
import type { FoundResources } from './parts/resources.ts'
import { triggerChanges } from './triggers/changes.ts'

/** The current state of the script that the plan targets. */
interface CurrentState {
  state: AppState
  classes: string[]
  /** The application of the plan's container. */
  application: ContainerApplication | undefined
  /** The application of a class that the plan deletes, which is removed with it. */
  leaving: ContainerApplication | undefined
  /** The public addresses that the plan sets. */
  publication: Publication
  compatibility: Compatibility
  resources: FoundResources
  unapplied: UnappliedMigrations[]
}
type Change = PlannedChange
type Draft = Pick<Plan, 'config' | 'secrets'>

/** Lists what the plan will create, replace, rename, delete or keep. */
export function changesOf(plan: Draft, found: CurrentState): Change[] {
  const { config } = plan
  return [
    { kind: 'worker', name: config.script, action: found.state.exists ? 'replace' : 'create' },
    ...classChanges(config, found),
    ...containerChange(plan, found),
    ...bindingChanges(plan, found),
    ...projectChanges(config, found),
    ...compatibilityChanges(found),
    ...publicationChanges(plan, found),
    ...triggerChanges(plan.config, found.state),
  ]
}

/** Changes of compatibility settings, and those of a first deployment, which may be defaults. */
function compatibilityChanges({ state, compatibility: { date, flags } }: CurrentState): Change[] {
  const { compatibility: present } = state
  const action = state.exists ? 'replace' : 'create'
  const changed = [
    ...(present.date === date ? [] : [`compatibility date ${date}`]),
    ...(isDeepStrictEqual(present.flags.toSorted(), flags.toSorted())
      ? []
      : [`compatibility flags ${flags.join(', ') || 'none'}`]),
  ]
  return changed.map((name) => ({ kind: 'setting', name, action }))
}

function publicationChanges({ config }: Draft, { state, publication }: CurrentState): Change[] {
  const change = (kind: string, wanted: boolean | undefined, present: boolean): Change[] => {
    if (wanted === undefined || wanted === present) return []
    return [{ kind, name: config.script, action: wanted ? 'create' : 'delete' }]
  }
  return [
    ...change('workers_dev', publication.workersDev, state.workersDev),
    ...change('preview_urls', publication.previewUrls, state.previewUrls),
  ]
}

function containerChange({ config }: Draft, { application, leaving }: CurrentState): Change[] {
  const { script, container } = config
  if (leaving !== undefined) return [{ kind: 'container', name: leaving.name, action: 'delete' }]
  if (container === undefined) return []
  if (application === undefined) return [{ kind: 'container', name: script, action: 'create' }]
  const same =
    application.image.endsWith(container.digest) &&
    application.instanceType === container.instanceType &&
    application.maxInstances === container.maxInstances
  return [{ kind: 'container', name: application.name, action: same ? 'keep' : 'replace' }]
}

/**
 * Whether a rollback can restore what the plan changes. Bindings, variables and secrets belong to a version and return
 * with it, even if the plan removes them. Changes of Durable Object classes and of databases cannot be rolled back.
 * Created resources stay, which does not prevent a rollback.
 */
export function reversibleOf(plan: Draft, found: CurrentState): PlanPreview['reversible'] {
  const classes = found.state.exists ? lastingClassChanges(plan.config, found) : []
  const reasons = [...classes, ...keptByRollback(plan.config, found)]
  return { value: classes.length === 0 && found.unapplied.length === 0, reasons }
}
