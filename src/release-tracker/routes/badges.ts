import type { Request } from 'express'
import type { z } from 'zod'
import { requirePrincipal } from '../../platform/auth.ts'
import { type Prepared, type Route, route } from '../../platform/http/index.ts'
import type { Badges } from '../badges/badges.ts'
import { colors, createDrawing, type Style, styles } from '../badges/draw.ts'
import type { Memory } from '../badges/memory.ts'
import { groupField, parseKind } from '../kinds.ts'
import { type BadgeTokenBody, badgeParams, badgeTokenBody, badgeTokensQuery, idParams } from '../schema.ts'
import type { BadgeScope, BadgeToken } from '../store/badges/badge-tokens.ts'
import { operation } from './operation.ts'

const schemes = ['tracker-key'] as const
const write = { access: 'tracker:write', schemes } as const
const json = '.json'

export interface BadgeReply {
  prepared: Prepared
  headers: Record<string, string>
  isError: boolean
}

/** @param memory caches replies by request URL */
export function badgeRoutes(badges: Badges, memory: Memory<BadgeReply>): Route[] {
  const draw = createDrawing()

  async function replyTo(params: z.output<typeof badgeParams>, req: Request): Promise<BadgeReply> {
    const { namespace, label, style } = optionsOf(req)
    const asJson = params.container.endsWith(json)
    const { problem, ...badge } = await badges.read(params.key, {
      clientName: params.client,
      envName: params.env,
      kind: parseKind(params.kind),
      workload: params.workload,
      container: asJson ? params.container.slice(0, -json.length) : params.container,
      namespace,
    })
    const prepared = await draw({ label: label ?? params.env, ...badge }, asJson ? 'json' : style)
    const headers = problem === undefined ? always : { ...always, 'Capstan-Badge-Problem': problem }
    return { prepared, headers, isError: badge.color === colors.red }
  }

  return [
    route({
      ...operation('getBadge'),
      method: 'get',
      path: '/badges/:key/:client/:env/:kind/:workload/:container',
      access: 'open',
      limit: 'address',
      params: badgeParams,
      handle({ params, req }) {
        const cached = memory.get(req.originalUrl)
        if (cached !== undefined) return cached
        const keep = memory.reading()
        return replyTo(params, req).then((reply) => {
          // Errors are not cached here: the next request may succeed.
          if (!reply.isError) keep(req.originalUrl, reply)
          return reply
        })
      },
    }),
    route({
      ...operation('createBadgeToken'),
      ...write,
      method: 'post',
      path: '/api/badges/tokens',
      body: badgeTokenBody,
      // No Idempotency-Key: the response contains a secret, which is not stored.
      async handle({ body, principal }) {
        const { token, row } = await badges.create(requirePrincipal(principal), scopeOf(body))
        return { status: 201, body: { token, ...tokenView(row) } }
      },
    }),
    route({
      ...operation('listBadgeTokens'),
      method: 'get',
      path: '/api/badges/tokens',
      access: 'tracker:read',
      schemes,
      query: badgeTokensQuery,
      async handle({ query, principal }) {
        const tokens = await badges.list(requirePrincipal(principal), query.client_name)
        return { body: { tokens: tokens.map(tokenView) } }
      },
    }),
    route({
      ...operation('revokeBadgeToken'),
      ...write,
      method: 'delete',
      path: '/api/badges/tokens/:id',
      params: idParams,
      handle: ({ params, principal, commit }) =>
        commit(async (trx) => {
          await badges.revoke(trx, requirePrincipal(principal), params.id)
          return { body: { id: params.id, revoked: true } }
        }),
    }),
  ]
}

/** The optional query parameters. Unusable values are ignored, since a badge can't show errors about them. */
function optionsOf({ query }: Request): {
  namespace: string | undefined
  label: string | undefined
  style: Style
} {
  const text = (value: unknown) =>
    typeof value === 'string' && value !== '' ? value.slice(0, 100) : undefined
  const style = styles.find((each) => each === query.style) ?? 'flat'
  return { namespace: text(query.namespace), label: text(query.label), style }
}

const always = {
  'Cache-Control': 'max-age=60',
  'Access-Control-Allow-Origin': '*',
  // Pages of other sites embed badges.
  'Cross-Origin-Resource-Policy': 'cross-origin',
  // An SVG that is opened directly is a page: this one may load nothing, and sends no referrer.
  'Content-Security-Policy': "default-src 'none'; style-src 'unsafe-inline'",
  'Referrer-Policy': 'no-referrer',
}

function scopeOf(body: BadgeTokenBody): BadgeScope {
  if (!('env_name' in body)) return { clientName: body.client_name, component: undefined }
  return {
    clientName: body.client_name,
    component: {
      envName: body.env_name,
      namespace: body.namespace ?? null,
      kind: body.workload_kind,
      workload: body.workload_name,
      container: body.container_name,
    },
  }
}

function tokenView({ id, clientName, component, createdAt }: BadgeToken) {
  return {
    id,
    client_name: clientName,
    ...(component && {
      env_name: component.envName,
      namespace: component.namespace,
      workload_kind: component.kind.kind,
      ...groupField(component.kind.group),
      workload_name: component.workload,
      container_name: component.container,
    }),
    created_at: createdAt.toISOString(),
  }
}
