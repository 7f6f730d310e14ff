import type { Option } from 'commander'
import type { components } from '../../../client/src/index.ts'
import { listOption, table, timeOption } from '../../cli/index.ts'
import { permissions } from '../../platform/auth.ts'

/** `--scope`, for the permissions of a new token. */
export const scopeOption = (): Option =>
  listOption('--scope <permission>', 'permission of the token; default: all of yours', permissions)

/** `--expires`, for the end of a new token. */
export const expiryOption = (): Option => timeOption('--expires <time>', 'end of the token', 'future')

/** API tokens as a table. */
export function tokenTable(tokens: components['schemas']['ApiToken'][]): string[] {
  const rows = tokens.map((token) => [
    token.id,
    token.name,
    token.is_revoked ? 'revoked' : isOver(token.expires_at) ? 'expired' : 'valid',
    token.scopes === null ? 'all of its user' : token.scopes.join(' '),
    token.expires_at,
    token.last_used_at,
  ])
  return table(['id', 'name', 'state', 'permissions', 'expires', 'last used'], rows)
}

const isOver = (time: string | null) => time !== null && Date.parse(time) <= Date.now()
