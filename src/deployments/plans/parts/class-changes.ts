import type { FieldFault } from '../../../platform/errors.ts'
import type { AppState } from '../../model/app-state.ts'
import type { PlanConfig, PlannedChange } from '../../model/plan.ts'
import { type PendingMigration, pendingMigration, plannedClasses } from './class-migrations.ts'

interface Found {
  state: Pick<AppState, 'migrationTag'>
  /** The classes of the script. */
  classes: string[]
}

const stepsOf = (config: PlanConfig, { state, classes }: Found) =>
  pendingMigration(config, { names: classes, tag: state.migrationTag }, 'capstan')?.steps ?? []

const classesMade = (step: PendingMigration['steps'][number]): string[] => [
  ...(step.new_classes ?? []),
  ...(step.new_sqlite_classes ?? []),
  ...(step.renamed_classes ?? []).map(({ to }) => to),
  ...(step.transferred_classes ?? []).map(({ to }) => to),
]

/** The classes that a plan creates, renames, deletes or keeps. */
export function classChanges(config: PlanConfig, found: Found): PlannedChange[] {
  const steps = stepsOf(config, found)
  const renamed = new Set(steps.flatMap((step) => (step.renamed_classes ?? []).map(({ to }) => to)))
  const deleted = new Set(steps.flatMap((step) => step.deleted_classes ?? []))
  const actionOf = (name: string) =>
    found.classes.includes(name) ? 'keep' : renamed.has(name) ? 'rename' : 'create'
  const planned = [...plannedClasses(config), ...Object.keys(config.exports ?? {})]
  const kind = 'durable_object'
  return [
    ...[...new Set(planned)].map((name): PlannedChange => ({ kind, name, action: actionOf(name) })),
    ...[...deleted]
      .filter((name) => found.classes.includes(name))
      .map((name): PlannedChange => ({ kind, name, action: 'delete' })),
  ]
}

/** The changes of classes that the cloud does not undo. */
export function lastingClassChanges(config: PlanConfig, found: Found): string[] {
  const steps = stepsOf(config, found)
  const deleted = new Set(steps.flatMap((step) => step.deleted_classes ?? []))
  const made = steps.flatMap(classesMade)
  const declared = Object.keys(config.exports ?? {}).filter((name) => !found.classes.includes(name))
  return [
    ...[...new Set([...made, ...declared])].map((name) => `creates or renames to the class ${name}`),
    ...[...deleted]
      .filter((name) => found.classes.includes(name))
      .map((name) => `deletes the class ${name} and its data`),
  ]
}

/** The bindings to own classes that neither exist nor are made by the plan, with the paths of their fields. */
export function unknownClasses(config: PlanConfig, found: Found): FieldFault[] {
  const made = stepsOf(config, found).flatMap(classesMade)
  const known = new Set([...found.classes, ...made, ...Object.keys(config.exports ?? {})])
  const own = new Set(plannedClasses(config).filter((name) => !known.has(name)))
  return (config.bindings ?? []).flatMap(({ type, class_name: name, script_name: script = '' }, index) => {
    if (type !== 'durable_object_namespace' || typeof name !== 'string' || !own.has(name)) return []
    if (script !== '' && script !== config.script) return []
    const problem = 'the class does not exist: create it with classMigrations'
    return [{ path: `config.bindings.${index}.class_name`, problem }]
  })
}
