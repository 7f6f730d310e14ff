import type { Knex } from 'knex'
import type { Environment } from '../config.ts'
import { listHistory } from '../store/index.ts'
import type { Targets } from '../targets/targets.ts'
import { lookMs, readServing } from './serving.ts'
import { type RollbackView, rollbackOf } from './targets.ts'
import { type ServingShare, sharesOf, type VersionView, versionsOf } from './versions.ts'

export interface AppVersions {
  versions: VersionView[]
  /** What serves; null when the cloud could not be asked: then the states of the versions are from Capstan's record. */
  serving: ServingShare[] | null
  /** Why it could not be asked. */
  servingUnknown: string | null
  /** Null for an app that was never deployed. */
  rollback: RollbackView | null
}

/** The versions of an app, with what the cloud says of them; takes `lookMs` at most. */
export async function readAppVersions(
  { db, targets }: { db: Knex; targets: Targets },
  app: string,
  environment: Environment,
): Promise<AppVersions> {
  const history = await listHistory(db, app, environment)
  if (history.length === 0) return { versions: [], serving: [], servingUnknown: null, rollback: null }
  const answer = await readServing(targets, { app, environment }, AbortSignal.timeout(lookMs))
  return {
    versions: versionsOf(history, answer),
    serving: sharesOf(history, answer),
    servingUnknown: answer.known ? null : answer.error.message,
    rollback: rollbackOf(history, answer),
  }
}
