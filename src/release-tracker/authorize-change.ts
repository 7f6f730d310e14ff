import type { Knex } from 'knex'
import { type Principal, requirePermission } from '../platform/auth.ts'
import type { TrackerContext } from './context.ts'

/** Who may stop or repeat work of this domain is who may start it. */
export const authorizeChange = async (
  _context: TrackerContext,
  _db: Knex,
  { principal }: { principal: Principal },
) => requirePermission(principal, 'tracker:write')
