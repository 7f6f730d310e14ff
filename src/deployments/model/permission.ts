import type { Principal } from '../../platform/auth.ts'
import { forbidden } from '../../platform/errors.ts'
import type { Environment } from '../config.ts'

/** @throws ACCESS_003, with the environment and the missing permission, unless the principal may deploy to it */
export function requireEnvironment(principal: Principal, environment: Environment): void {
  const permission = `deployments:write:${environment}` as const
  if (principal.permissions.has(permission)) return
  throw forbidden(`The permission to change deployments in ${environment} is missing`, {
    details: { environment, permission },
  })
}
