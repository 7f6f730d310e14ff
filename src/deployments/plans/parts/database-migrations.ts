import type { PlanConfig } from '../../model/plan.ts'
import { givenId } from '../../model/request/resources.ts'
import type { Target } from '../../targets/targets.ts'
import type { FoundResources } from './resources.ts'

/** Migrations that a database lacks. */
export interface UnappliedMigrations {
  binding: string
  files: string[]
}

/** The migrations that a plan applies, as of now; a database that does not exist yet lacks all. */
export async function unappliedMigrations(
  { config, target, signal }: { config: PlanConfig; target: Pick<Target, 'resources'>; signal: AbortSignal },
  resources: FoundResources,
): Promise<UnappliedMigrations[]> {
  if (config.noMigrate === true) return []
  const unapplied: UnappliedMigrations[] = []
  for (const { binding, table, files } of config.databases ?? []) {
    const id = databaseId(config, binding) ?? resources[binding] ?? null
    const { databases } = target.resources
    const applied =
      id === null || files.length === 0 ? [] : await databases.appliedMigrations(id, table, signal)
    const left = files.map(({ name }) => name).filter((name) => !applied.includes(name))
    if (left.length > 0) unapplied.push({ binding, files: left })
  }
  return unapplied
}

/** The id of a database if the plan gives it. */
export function databaseId(
  { bindings = [] }: Pick<PlanConfig, 'bindings'>,
  name: string,
): string | undefined {
  const binding = bindings.find((each) => each.name === name)
  return binding && givenId(binding)
}
