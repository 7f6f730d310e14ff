import { resourceLabels } from '../model/request/resources.ts'
import type { Deployment } from '../store/index.ts'

/** The resources that a deployment created, as text. A rollback keeps them. */
export const createdResources = ({ resources }: Pick<Deployment, 'resources'>): string[] =>
  Object.values(resources ?? {})
    .filter(({ created }) => created)
    .map(({ type, name }) => `${resourceLabels[type]} ${name}`)

/** A sentence for each database that a deployment began to migrate, with the way back. */
export const keptMigrations = ({ databases }: Pick<Deployment, 'databases'>): string[] =>
  Object.entries(databases ?? {}).map(
    ([binding, { id, bookmark }]) =>
      `Migrations of the D1 database ${binding} stay applied. To restore it and lose every write since, run: npx wrangler d1 time-travel restore ${id} --bookmark=${bookmark}`,
  )
