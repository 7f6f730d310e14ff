import type { Knex } from 'knex'
import type { Principal } from '../platform/auth.ts'
import { CodedError, conflict, invalidBody } from '../platform/errors.ts'
import { appendEvents } from '../platform/events/index.ts'
import { findOpenJob } from '../platform/jobs/index.ts'
import { clientOf, requireClient } from './access.ts'
import { noCluster } from './collection/collect.ts'
import type { TrackerContext } from './context.ts'
import { recordSightings } from './history/record.ts'
import type { Image } from './image-reference.ts'
import { collectJob, collectSubject } from './jobs.ts'
import type { KindName } from './kinds.ts'
import { reasonOf } from './push/reasons.ts'
import { maxAheadMs } from './push/receiving/receive.ts'
import { nameOf, noteAnswered } from './push/receiving/rejections.ts'
import { asRun } from './push/sending/runs.ts'
import { lockCollecting, lockScopes } from './store/scopes.ts'

export interface ManualRelease {
  clientName: string | undefined
  envName: string | undefined
  namespace: string
  kind: KindName
  workload: string
  container: string
  image: Image
  releasedAt: Date | undefined
}

/** A release as it was sent, which may be invalid in any way. */
export interface RefusedRelease {
  clientName: string | undefined
  envName: string | undefined
  /** With the fields of a batch's item. */
  item: unknown
}

/** The operations that people and older slaves call. */
export interface TrackerService {
  /** Records that an image ran at a moment. @throws STATE_001 if another image is recorded for that time */
  put(
    trx: Knex.Transaction,
    principal: Principal | undefined,
    release: ManualRelease,
  ): Promise<{ releasedAt: Date }>
  /**
   * Records that a client's release was refused, for the report of waiting releases: an older slave sends it again until it
   * is stored. To be called after the transaction of the refusal. Does nothing for other errors and other callers.
   */
  noteRefusal(principal: Principal | undefined, release: RefusedRelease, error: unknown): Promise<void>
  /** Enqueues a collection, or finds the open one. @returns the id of the job. @throws SYS_002 without a cluster */
  requestCollection(
    trx: Knex.Transaction,
    principal: Principal | undefined,
    correlationId: string,
  ): Promise<string>
}

const itemOf = ({ namespace, kind, workload, container, image }: ManualRelease) =>
  nameOf({
    ...{ namespace, workload_kind: kind.kind, workload_name: workload, container_name: container },
    ...{ image_tag: image.tag, image_sha: image.sha },
  })

export function createTrackerService(context: TrackerContext): TrackerService {
  const { config } = context
  return {
    async put(trx, principal, release) {
      const clientName = release.clientName ?? clientOf(principal) ?? config.clientName
      const envName = release.envName ?? config.envName
      requireClient(principal, clientName)
      const releasedAt = release.releasedAt ?? context.now()
      if (releasedAt.getTime() > context.now().getTime() + maxAheadMs) throw inFuture()
      const { namespace, workload, container, image } = release
      const item = itemOf(release)
      return asRun(trx, context, async (run) => {
        const place = { clientName, envName }
        const scopes = await lockScopes(trx, place, [namespace])
        const scopeId = scopes.get(namespace)?.id ?? 0
        const sighting = {
          ...{ scopeId, namespace, ...release.kind, workload, container, image },
          ...{ from: releasedAt, to: releasedAt, watched: undefined, rollout: undefined },
        }
        const { results, events } = await recordSightings(trx, [sighting], { run, place })
        const [result] = results
        if (result?.kind === 'conflict') {
          const { id, image: other, firstSeen, lastSeen } = result.with
          throw conflict('Another image is already recorded for that time', {
            interval: {
              id,
              image_tag: other.tag,
              image_sha: other.sha,
              first_seen: firstSeen.toISOString(),
              last_seen: lastSeen.toISOString(),
            },
          })
        }
        await appendEvents(trx, events)
        if (config.mode === 'master')
          await noteAnswered(trx, context, { place, rejected: [], stored: [item] })
        return { releasedAt }
      })
    },

    async noteRefusal(principal, release, error) {
      const clientName = clientOf(principal)
      if (config.mode !== 'master' || clientName === undefined || !(error instanceof CodedError)) return
      if ((release.clientName ?? clientName) !== clientName) return
      const isConflict = error.code === 'STATE_001'
      if (!isConflict && error.code !== 'REQ_002') return
      await noteAnswered(context.db, context, {
        place: { clientName, envName: release.envName ?? config.envName },
        rejected: [
          {
            item: nameOf(release.item),
            reason: reasonOf(isConflict ? 'conflict' : 'invalid', error.options.details?.fields),
          },
        ],
        stored: [],
      })
    },

    async requestCollection(trx, principal, correlationId) {
      requireClient(principal, config.clientName)
      if (context.openCluster === undefined) throw noCluster()
      await lockCollecting(trx)
      const open = await findOpenJob(trx, collectSubject)
      if (open !== undefined) return open.id
      return context.enqueue(trx, collectJob, {
        payload: {},
        subject: collectSubject,
        correlationId,
        ...(principal === undefined ? {} : { owner: principal.id }),
      })
    },
  }
}

function inFuture(): CodedError {
  const fields = [{ path: 'released_at', problem: 'is in the future' }]
  return invalidBody(fields)
}
