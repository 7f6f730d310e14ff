import type { Principal } from '../../platform/auth.ts'
import { forbidden } from '../../platform/errors.ts'
import type { Environment } from '../config.ts'
import type { ClassMigration } from './request/classes.ts'

/** @throws ACCESS_003, with the environment and the missing permission, unless the principal may deploy to it */
export function requireEnvironment(principal: Principal, environment: Environment): void {
  const permission = `deployments:write:${environment}` as const
  if (principal.permissions.has(permission)) return
  throw forbidden(`The permission to change deployments in ${environment} is missing`, {
    details: { environment, permission },
  })
}

/**
 * A transfer takes a class with its data from another Worker, perhaps one of the other environment.
 * @throws ACCESS_003 unless the principal may deploy to the environments of all Workers that lose a class
 */
export function requireTransfers(principal: Principal, migrations: readonly ClassMigration[] = []): void {
  for (const { from_script: from } of migrations.flatMap((each) => each.transferred_classes ?? []))
    requireEnvironment(principal, from.endsWith('-staging') ? 'staging' : 'production')
}
