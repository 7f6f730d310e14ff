import type { PlanConfig } from '../../model/plan.ts'
import type { ClassMigration } from '../../model/request/classes.ts'

/** The change of a script's Durable Object classes, as an upload contains it. */
export interface PendingMigration {
  /** The tag of the script after the change. */
  tag: string
  steps: Omit<ClassMigration, 'tag'>[]
}

/** The classes of a script. */
export interface PresentClasses {
  /** The tag of the script's last migration. */
  tag: string | null
  names: string[]
}

/**
 * The part of a plan's class changes that the script lacks; undefined if it has all of them. Changes that stay in a
 * project's configuration after they were applied are no error.
 * @param ownTag the tag for plans without tags of their own
 */
export function pendingMigration(
  config: PlanConfig,
  present: PresentClasses,
  ownTag: string,
): PendingMigration | undefined {
  const steps =
    config.classMigrations === undefined
      ? listedChanges(config, present)
      : historyAfter(config.classMigrations, present)
  const tag = config.classMigrations?.at(-1)?.tag ?? ownTag
  return steps.length === 0 ? undefined : { tag, steps }
}

/** The changes from the existing classes to those of a plan that lists its classes. */
function listedChanges(config: PlanConfig, { names }: PresentClasses): PendingMigration['steps'] {
  const { durableObjects, migrations } = config
  const renamed = migrations.renamedClasses.filter((each) => names.includes(each.from))
  const deleted = migrations.deletedClasses.filter((name) => names.includes(name))
  const targets = new Set(renamed.map((each) => each.to))
  const created = durableObjects.filter((name) => !names.includes(name) && !targets.has(name))
  return withoutEmpty([{ new_sqlite_classes: created, renamed_classes: renamed, deleted_classes: deleted }])
}

/**
 * The entries of a project's history after the script's tag. A script whose tag is not in the history, such as one that
 * was deployed by other means, gets the difference between its classes and the end of the history.
 */
function historyAfter(history: ClassMigration[], present: PresentClasses): PendingMigration['steps'] {
  const at = history.findIndex(({ tag }) => tag === present.tag)
  if (at === -1 && present.names.length > 0) return difference(history, present.names)
  return withoutEmpty(history.slice(at + 1).map(({ tag: _, ...step }) => step))
}

interface FinalClass {
  /** The names that the class had in the history, the present one last. */
  names: string[]
  field: 'new_classes' | 'new_sqlite_classes' | 'transferred_classes'
  transferred?: { from: string; from_script: string; to: string }
}

function difference(history: ClassMigration[], present: string[]): PendingMigration['steps'] {
  const { living, gone } = replay(history)
  const step = {
    new_classes: [] as string[],
    new_sqlite_classes: [] as string[],
    renamed_classes: [] as { from: string; to: string }[],
    deleted_classes: [] as string[],
    transferred_classes: [] as { from: string; from_script: string; to: string }[],
  }
  const wanted = new Set(living.map(({ names }) => names.at(-1)))
  for (const { names, field, transferred } of living) {
    const to = names.at(-1) ?? ''
    if (present.includes(to)) continue
    const from = names.findLast((name) => present.includes(name) && !wanted.has(name))
    if (from !== undefined) step.renamed_classes.push({ from, to })
    else if (field !== 'transferred_classes') step[field].push(to)
    else if (transferred !== undefined) step.transferred_classes.push({ ...transferred, to })
  }
  const left = new Set(step.renamed_classes.map(({ from }) => from))
  for (const { names } of gone) {
    const name = names.findLast((each) => present.includes(each) && !wanted.has(each) && !left.has(each))
    if (name === undefined) continue
    step.deleted_classes.push(name)
    left.add(name)
  }
  return withoutEmpty([step])
}

/** The classes at the end of a history, and those that it deleted. */
function replay(history: ClassMigration[]): { living: FinalClass[]; gone: FinalClass[] } {
  let living: FinalClass[] = []
  const gone: FinalClass[] = []
  for (const entry of history) {
    for (const field of ['new_classes', 'new_sqlite_classes'] as const)
      for (const name of entry[field] ?? []) living.push({ names: [name], field })
    for (const transferred of entry.transferred_classes ?? [])
      living.push({ names: [transferred.to], field: 'transferred_classes', transferred })
    for (const { from, to } of entry.renamed_classes ?? [])
      for (const each of living) if (each.names.at(-1) === from) each.names.push(to)
    const deleted = entry.deleted_classes ?? []
    gone.push(...living.filter(({ names }) => deleted.includes(names.at(-1) ?? '')))
    living = living.filter(({ names }) => !deleted.includes(names.at(-1) ?? ''))
  }
  return { living, gone }
}

function withoutEmpty(steps: PendingMigration['steps']): PendingMigration['steps'] {
  return steps
    .map((step): PendingMigration['steps'][number] =>
      Object.fromEntries(Object.entries(step).filter(([, list]) => list !== undefined && list.length > 0)),
    )
    .filter((step) => Object.keys(step).length > 0)
}

/** The classes that a plan gives its script, apart from those that it merely keeps. */
export function plannedClasses(
  config: Pick<PlanConfig, 'durableObjects' | 'script'> & {
    bindings?: PlanConfig['bindings'] | undefined
    classMigrations?: PlanConfig['classMigrations'] | undefined
  },
): string[] {
  const bound = (config.bindings ?? []).flatMap(({ type, class_name: name, script_name: script }) =>
    type === 'durable_object_namespace' && typeof name === 'string' && isOwn(script, config.script)
      ? [name]
      : [],
  )
  const { living } = replay(config.classMigrations ?? [])
  const last = living.map(({ names }) => names.at(-1) ?? '')
  return [...new Set([...config.durableObjects, ...last, ...bound])]
}

const isOwn = (script: unknown, own: string) => script === undefined || script === '' || script === own
