import { type Principal, requirePrincipal } from '../../platform/auth.ts'
import { type Route, route } from '../../platform/http/index.ts'
import type { Layout } from '../catalogue/layout.ts'
import type { ReleaseStates } from '../catalogue/release-states.ts'
import type { Actor, Publishing } from '../publishing/actions.ts'
import type { Drafts } from '../publishing/drafts.ts'
import type { Uploads } from '../publishing/uploads.ts'
import type { Release } from '../store/releases.ts'
import { operation } from './operation.ts'
import { draftBody, fileBody, promoteBody, versionParams, yankBody } from './schema.ts'
import { draftView, uploadView, yankView } from './views.ts'

export interface PublishingRouteOptions {
  drafts: Drafts
  publishing: Publishing
  uploads: Uploads
  platforms: string[]
  layout: Layout
  states: ReleaseStates
}

/** Forwarded identities are not accepted here: they may only read. */
const write = { method: 'post', access: 'releases:publish' } as const
const jobLinks = (id: string) => ({ job: `/jobs/${id}`, events: `/jobs/${id}/events` })

export function publishingRoutes(options: PublishingRouteOptions): Route[] {
  return [...draftRoutes(options), ...releaseRoutes(options)]
}

function draftRoutes({ drafts, uploads, platforms, layout }: PublishingRouteOptions): Route[] {
  const draft = {
    path: '/releases/:version/draft',
    access: 'releases:publish',
    params: versionParams,
  } as const
  return [
    route({
      ...operation('createDraft'),
      ...write,
      path: '/releases',
      body: draftBody(platforms),
      async handle({ body, commit, ...request }) {
        await drafts.prepareDraft(body.version)
        return commit(async (trx) => {
          const draft = { ...body, platforms: body.platforms ?? platforms, notes: body.notes ?? null }
          const { created, release, files } = await drafts.create(trx, draft, actorOf(request))
          return { status: created ? 201 : 200, body: draftView(release, files, layout) }
        })
      },
    }),
    route({
      ...operation('getDraft'),
      ...draft,
      method: 'get',
      async handle({ params }) {
        const { release, files } = await drafts.find(params.version)
        return { body: draftView(release, files, layout) }
      },
    }),
    route({
      ...operation('discardDraft'),
      ...draft,
      method: 'delete',
      async handle({ params, commit, ...request }) {
        const { version } = params
        let discarded: Release | undefined
        const reply = await commit(async (trx) => {
          discarded = await drafts.discard(trx, version, actorOf(request))
          return { body: { version, discarded: true } }
        })
        if (discarded !== undefined) await drafts.removeUploads(discarded)
        return reply
      },
    }),
    route({
      ...operation('requestUpload'),
      ...write,
      path: '/releases/:version/files',
      params: versionParams,
      body: fileBody(platforms),
      async handle({ params, body, ...request }) {
        const by = actorOf(request).principal.id
        const { parts = [], ...declared } = body
        const upload = await uploads.next(params.version, { ...declared, parts, by })
        // Links are credentials, so no cache may store them.
        return { body: uploadView(declared, upload), headers: { 'Cache-Control': 'private, no-store' } }
      },
    }),
  ]
}

function releaseRoutes({ publishing, states }: PublishingRouteOptions): Route[] {
  return [
    route({
      ...operation('publishRelease'),
      ...write,
      path: '/releases/:version/publish',
      params: versionParams,
      handle: ({ params, commit, ...request }) =>
        commit(async (trx) => {
          const { version } = params
          const jobId = await publishing.publish(trx, version, actorOf(request))
          return {
            status: 202,
            body: { version, state: 'publishing', job_id: jobId, links: jobLinks(jobId) },
          }
        }),
    }),
    route({
      ...operation('promoteRelease'),
      ...write,
      path: '/releases/:version/promote',
      params: versionParams,
      body: promoteBody,
      async handle({ params, body, commit, ...request }) {
        const { version } = params
        const { channel } = body
        await publishing.requireVisible(version)
        const pointers = await publishing.pointers()
        const reply = await commit(async (trx) => {
          const promotion = { version, channel, pointers }
          const { previous, jobId } = await publishing.promote(trx, promotion, actorOf(request))
          return { body: { version, channel, previous, job_id: jobId, links: jobLinks(jobId) } }
        })
        states.invalidate()
        return reply
      },
    }),
    route({
      ...operation('yankRelease'),
      ...write,
      path: '/releases/:version/yank',
      params: versionParams,
      body: yankBody,
      async handle({ params, body, commit, ...request }) {
        const { version } = params
        await publishing.requireVisible(version)
        const pointers = await publishing.pointers()
        const reply = await commit(async (trx) => {
          const withdrawal = { version, reason: body.reason, pointers }
          const { yank, moved } = await publishing.yank(trx, withdrawal, actorOf(request))
          const channels = moved.map(({ channel, version, jobId }) => ({
            channel,
            version,
            job_id: jobId,
            links: jobLinks(jobId),
          }))
          return { body: { version, yanked: yankView(yank), channels } }
        })
        states.invalidate()
        return reply
      },
    }),
  ]
}

function actorOf(request: { principal: Principal | undefined; correlationId: string }): Actor {
  return { principal: requirePrincipal(request.principal), correlationId: request.correlationId }
}
