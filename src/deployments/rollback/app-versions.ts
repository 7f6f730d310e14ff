import type { Knex } from 'knex'
import { notFound } from '../../platform/errors.ts'
import type { Environment } from '../config.ts'
import { listHistory } from '../store/index.ts'
import type { Targets } from '../targets/targets.ts'
import { cloudReadTimeoutMs, readServing } from './serving.ts'
import { type RollbackView, rollbackOf } from './targets.ts'
import { type ServingShare, sharesOf, type VersionView, versionsOf } from './versions.ts'

export interface AppVersions {
  versions: VersionView[]
  /** The serving versions; null if the cloud could not be read: the states of `versions` are then Capstan's record. */
  serving: ServingShare[] | null
  /** The reason why the cloud could not be read. */
  servingUnknown: string | null
  rollback: RollbackView
}

/**
 * Reads the versions of an app and their state in the cloud, within `cloudReadTimeoutMs`.
 * @throws SYS_005 for an app that was never deployed
 */
export async function readAppVersions(
  { db, targets }: { db: Knex; targets: Targets },
  app: string,
  environment: Environment,
): Promise<AppVersions> {
  const history = await listHistory(db, app, environment)
  if (history.length === 0) throw notFound('App')
  const answer = await readServing(targets, { app, environment }, AbortSignal.timeout(cloudReadTimeoutMs))
  return {
    versions: versionsOf(history, answer),
    serving: sharesOf(history, answer),
    servingUnknown: answer.known ? null : answer.error.message,
    rollback: rollbackOf(history, answer),
  }
}
