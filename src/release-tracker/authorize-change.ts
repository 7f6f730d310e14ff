import type { Knex } from 'knex'
import { type Principal, requirePermission } from '../platform/auth.ts'
import type { TrackerContext } from './context.ts'

/** Whoever may start jobs of the tracker may also cancel and retry them. */
export const authorizeChange = async (
  _context: TrackerContext,
  _db: Knex,
  { principal }: { principal: Principal },
) => requirePermission(principal, 'tracker:write')
