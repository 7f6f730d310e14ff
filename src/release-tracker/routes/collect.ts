import { z } from 'zod'
import { type InvalidRequest, type Route, route } from '../../platform/http/index.ts'
import { withQueryLimit } from '../../platform/postgres/index.ts'
import { clientOf, requireClient } from '../access.ts'
import { bulkQueryMs, type TrackerContext } from '../context.ts'
import { groupField, parseKind } from '../kinds.ts'
import { receivePing } from '../push/ping.ts'
import { receiveBatch } from '../push/receiving/receive.ts'
import { batchBody } from '../push/wire.ts'
import { environmentsView } from '../reading/views.ts'
import { name, pingBody, putBody, putParams } from '../schema.ts'
import type { ManualRelease, RefusedRelease, TrackerService } from '../service.ts'
import { listPings } from '../store/push/pings.ts'
import { waitingOfMaster } from '../store/push/rejections.ts'
import { listEnvironments } from '../store/releases.ts'
import { operation } from './operation.ts'
import { notOfAMaster } from './replies.ts'

const MIB = 1024 * 1024
const schemes = ['tracker-key'] as const
/** Calls of slaves have no rate limit: a refused call would only be repeated. */
const fromSlaves = { access: 'tracker:write', schemes, limit: 'none' } as const

/** The routes that record releases, and the route of the configuration. */
export function collectRoutes({
  context,
  service,
}: {
  context: TrackerContext
  service: TrackerService
}): Route[] {
  return [
    route({
      ...operation('startCollection'),
      method: 'post',
      path: '/api/collect',
      access: 'tracker:write',
      schemes,
      handle: ({ principal, correlationId, commit }) =>
        commit(async (trx) => {
          const jobId = await service.requestCollection(trx, principal, correlationId)
          const message = 'Collection process started successfully'
          const timestamp = context.now().toISOString()
          return {
            status: 202,
            body: { status: 'accepted', message, jobId, events: `/jobs/${jobId}/events`, timestamp },
          }
        }),
    }),
    putRoute(context, service),
    ...masterRoutes(context),
    route({
      ...operation('getTrackerConfig'),
      method: 'get',
      path: '/api/config',
      access: 'tracker:read',
      schemes,
      async handle({ principal }) {
        const { mode, envName, clientName } = context.config
        const client = clientOf(principal)
        const isAdmin = client === undefined && principal?.permissions.has('tracker:write') === true
        const keyType = { is_admin: isAdmin, authenticated_client: client ?? '' }
        return { body: { mode, env_name: envName, client_name: clientName, api_key_type: keyType } }
      },
    }),
  ]
}

function putRoute(context: TrackerContext, service: TrackerService): Route {
  return route({
    ...operation('recordRelease'),
    ...fromSlaves,
    method: 'put',
    path: '/api/collect/:namespace/:kind/:workload/:container',
    params: putParams,
    body: putBody,
    async handle({ params, body, principal, commit }) {
      const release = releaseOf(params, body)
      try {
        return await commit(async (trx) => {
          const { releasedAt } = await service.put(trx, principal, release)
          return { body: putAnswer(release, releasedAt, context.now()) }
        })
      } catch (error) {
        await service.noteRefusal(principal, refusedRelease(release), error)
        throw error
      }
    },
    onInvalid: ({ params, body, principal, error }) =>
      service.noteRefusal(principal, invalidRelease(params, body), error),
  })
}

function releaseOf(path: z.output<typeof putParams>, fields: z.output<typeof putBody>): ManualRelease {
  return {
    ...path,
    clientName: fields.client_name,
    envName: fields.env_name,
    image: {
      repo: fields.image_repo,
      name: fields.image_name,
      tag: fields.image_tag,
      sha: fields.image_sha,
    },
    releasedAt: fields.released_at,
  }
}

function refusedRelease({ clientName, envName, image, ...container }: ManualRelease): RefusedRelease {
  return {
    clientName,
    envName,
    item: {
      namespace: container.namespace,
      workload_kind: container.kind.kind,
      workload_name: container.workload,
      container_name: container.container,
      image_tag: image.tag,
      image_sha: image.sha,
    },
  }
}

/** Names a release that the schemas refuse, as far as it can be read. */
function invalidRelease(params: InvalidRequest['params'], body: unknown): RefusedRelease {
  const fields = z.record(z.string(), z.unknown()).safeParse(body).data ?? {}
  const { namespace, kind, workload, container } = params
  return {
    clientName: name.safeParse(fields.client_name).data,
    envName: name.safeParse(fields.env_name).data,
    item: {
      namespace,
      workload_kind: parseKind(String(kind)).kind,
      workload_name: workload,
      container_name: container,
      image_tag: fields.image_tag,
      image_sha: fields.image_sha,
    },
  }
}

function putAnswer({ image, ...params }: ManualRelease, releasedAt: Date, now: Date) {
  return {
    status: 'success',
    message: 'Release collected successfully',
    component: {
      namespace: params.namespace,
      workload_kind: params.kind.kind,
      ...groupField(params.kind.group),
      workload_name: params.workload,
      container_name: params.container,
    },
    release: {
      version: image.tag,
      image_repo: image.repo,
      image_name: image.name,
      image_tag: image.tag,
      image_sha: image.sha,
      released_at: releasedAt.toISOString(),
    },
    timestamp: now.toISOString(),
  }
}

/** The routes of a master. In other modes the same paths answer 404 with the reason, whatever is sent. */
function masterRoutes(context: TrackerContext): Route[] {
  const { mode } = context.config
  const routes = routesOfMaster(context)
  if (mode === 'master') return routes
  const handle = () => Promise.reject(notOfAMaster(mode))
  return routes.map((each) => ({ ...each, body: undefined, handle }))
}

function routesOfMaster(context: TrackerContext): Route[] {
  const { db } = context
  return [
    route({
      ...operation('pushReleases'),
      ...fromSlaves,
      method: 'post',
      path: '/api/collect/batch',
      body: batchBody,
      bodyLimit: 16 * MIB,
      async handle({ body, principal, commit }) {
        requireClient(principal, body.client_name)
        const receive = () =>
          commit(async (trx) => {
            const { acknowledged, results } = await receiveBatch(trx, context, body)
            return { body: { status: 'ok', acknowledged, results, timestamp: context.now().toISOString() } }
          })
        return withQueryLimit(bulkQueryMs, receive)
      },
    }),
    route({
      ...operation('sendPing'),
      ...fromSlaves,
      method: 'post',
      path: '/api/ping',
      body: pingBody,
      async handle({ body, principal, commit }) {
        requireClient(principal, body.client_name)
        return commit(async (trx) => {
          const at = context.now()
          const place = { clientName: body.client_name, envName: body.env_name }
          await receivePing(trx, { place, at, sentAt: body.timestamp, slaveVersion: body.slave_version })
          return { body: { status: 'ok', timestamp: at.toISOString() } }
        })
      },
    }),
    route({
      ...operation('listClientEnvironments'),
      method: 'get',
      path: '/api/clients-environments',
      access: 'tracker:read',
      schemes,
      async handle({ principal }) {
        const client = clientOf(principal)
        const [environments, pings, waiting] = await Promise.all([
          listEnvironments(db, client),
          listPings(db, client),
          waitingOfMaster(db, client),
        ])
        return { body: environmentsView({ environments, pings, waiting, now: context.now() }) }
      },
    }),
  ]
}
