import { ApiError } from '../errors.ts'
import type { GivenMigrations, MigrationStep } from './metadata.ts'

export interface ObjectClass {
  className: string
  /** The namespace of the data; null for a class that the plan creates. */
  namespaceId: string | null
  useSqlite: boolean
}

export interface MigrationPlan {
  /** The classes after the migration. */
  classes: ObjectClass[]
  /** Classes that the migration creates and keeps. */
  created: string[]
  /** Namespaces whose data is deleted. */
  deletedNamespaces: string[]
  deletedClasses: string[]
  tag: string | null
}

interface CurrentState {
  classes: ObjectClass[]
  tag: string | null
}

/**
 * Computes the result of a migration on the current classes, without side effects.
 * @throws ApiError 10079 if the tag is not the expected one, 10074 if a step does not apply
 */
export function planMigrations(current: CurrentState, given: GivenMigrations | undefined): MigrationPlan {
  if (given === undefined) {
    return { ...current, created: [], deletedNamespaces: [], deletedClasses: [] }
  }
  checkTag(current.tag, given.old_tag)
  const classes = new Map(current.classes.map((entry) => [entry.className, entry]))
  const deleted: ObjectClass[] = []
  for (const step of 'steps' in given ? given.steps : [given]) applyStep(classes, step, deleted)
  const after = [...classes.values()]
  return {
    classes: after,
    created: after.filter((entry) => entry.namespaceId === null).map((entry) => entry.className),
    deletedNamespaces: deleted.flatMap((entry) => entry.namespaceId ?? []),
    deletedClasses: deleted.map((entry) => entry.className).filter((name) => !classes.has(name)),
    tag: given.new_tag ?? current.tag,
  }
}

function checkTag(current: string | null, oldTag: string | undefined): void {
  if ((oldTag ?? null) === current) return
  const expected = current === null ? 'no tag' : `tag "${current}"`
  const given = oldTag === undefined ? 'no old_tag' : `old_tag "${oldTag}"`
  throw new ApiError('migrationTag', `The Worker has ${expected}, but the migration has ${given}.`)
}

function applyStep(classes: Map<string, ObjectClass>, step: MigrationStep, deleted: ObjectClass[]): void {
  const create = (className: string, useSqlite: boolean) => {
    if (classes.has(className)) {
      const problem = 'that is already depended on by existing Durable Objects'
      throw new ApiError(
        'migrationConflict',
        `Cannot apply new-class migration to class '${className}' ${problem}.`,
      )
    }
    classes.set(className, { className, namespaceId: null, useSqlite })
  }
  const take = (className: string, kind: string): ObjectClass => {
    const entry = classes.get(className)
    if (entry === undefined) {
      throw new ApiError(
        'migrationConflict',
        `Cannot apply ${kind} migration to non-existent class '${className}'.`,
      )
    }
    classes.delete(className)
    return entry
  }
  // Old names are removed before new ones are added, so that one step may swap or replace classes.
  for (const className of step.deleted_classes ?? []) deleted.push(take(className, 'delete-class'))
  const renamed = (step.renamed_classes ?? []).map(({ from, to }) => ({
    entry: take(from, 'rename-class'),
    to,
  }))
  for (const { entry, to } of renamed) {
    if (classes.has(to)) {
      throw new ApiError(
        'migrationConflict',
        `Cannot apply rename-class migration: class '${to}' already exists.`,
      )
    }
    classes.set(to, { ...entry, className: to })
  }
  for (const className of step.new_classes ?? []) create(className, false)
  for (const className of step.new_sqlite_classes ?? []) create(className, true)
}
