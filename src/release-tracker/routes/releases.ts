import type { Principal } from '../../platform/auth.ts'
import { type EventHub, serveSse, streamHead } from '../../platform/events/index.ts'
import { type Route, route } from '../../platform/http/index.ts'
import { clientOf, requireClient } from '../access.ts'
import type { TrackerContext } from '../context.ts'
import { releasesStream } from '../history/record.ts'
import { kindText } from '../kinds.ts'
import { type Compared, compare } from '../reading/compare.ts'
import { csvOf, csvOfColumns } from '../reading/csv.ts'
import { createCurrent } from '../reading/current.ts'
import { currentCells, currentView } from '../reading/views.ts'
import { type CurrentQuery, compareQuery, currentQuery, eventsQuery } from '../schema.ts'
import { type CurrentPosition, type CurrentRow, listCurrent } from '../store/releases.ts'
import { isSearch } from '../store/search/image-filter.ts'
import { historyRoutes, imageFilterOf } from './history.ts'
import { operation } from './operation.ts'
import { decodePosition, encodePosition, invalid, sendCsv } from './replies.ts'

const read = { method: 'get', access: 'tracker:read', schemes: ['tracker-key'] } as const

export interface ReadingRoutes {
  context: TrackerContext
  hub: EventHub
}

/** The routes that read releases: current, history, compare and events. */
export function releaseRoutes({ context, hub }: ReadingRoutes): Route[] {
  const { db, config } = context
  const current = createCurrent(db)
  return [
    route({
      ...operation('listCurrentReleases'),
      ...read,
      path: '/api/releases/current',
      query: currentQuery,
      async handle({ query, principal, res }) {
        const filter = filterOf(query, { context, principal })
        // A search may have very many results; CSV has no next page.
        const limit = query.limit ?? (filter.search && query.format === 'json' ? 1000 : undefined)
        const after = decodePosition(query.cursor, 4) as CurrentPosition | undefined
        if (limit === undefined && after === undefined && query.format !== 'csv') {
          return { prepared: await current.read({ ...filter, at: query.at }, context.now()) }
        }
        const page = limit === undefined ? {} : { limit: limit + 1 }
        const { rows, total } = await listCurrent(db, { ...filter, at: query.at, after, ...page })
        if (query.format === 'csv')
          return sendCsv(res, 'current', csvOfColumns(rows.slice(0, limit).map(currentCells), currentColumns))
        return { body: currentBody(rows, { limit, total, now: context.now() }) }
      },
    }),
    ...historyRoutes(context),
    route({
      ...operation('compareEnvironments'),
      ...read,
      path: '/api/releases/compare',
      query: compareQuery,
      async handle({ query, principal, res }) {
        const { left, right, at } = query
        for (const side of [left, right]) requireClient(principal, side.clientName)
        const [a, b] = await Promise.all([
          listCurrent(db, { ...left, at }),
          listCurrent(db, { ...right, at }),
        ])
        const compared = compare(a.rows, b.rows)
        if (query.format === 'csv') return sendCsv(res, 'compare', compareCsv(Object.entries(compared)))
        const counts = Object.entries(compared).map(([kind, list]) => [kind, list.length])
        const side = ({ clientName, envName }: typeof left) => ({
          client_name: clientName,
          env_name: envName,
        })
        return {
          body: {
            ...{ left: side(left), right: side(right), at: at?.toISOString() ?? null },
            ...compared,
            ...{ counts: Object.fromEntries(counts), timestamp: context.now().toISOString() },
          },
        }
      },
    }),
    route({
      ...operation('watchReleases'),
      ...read,
      path: '/api/releases/events',
      query: eventsQuery,
      async handle({ query, principal, req, res }) {
        const client =
          query.client ?? clientOf(principal) ?? (config.mode === 'master' ? undefined : config.clientName)
        if (client === undefined) throw invalid('query', { client: 'expected the name of a client' })
        requireClient(principal, client)
        const stream = releasesStream(client)
        serveSse(req, res, { hub, stream, principal, head: await streamHead(db, stream) })
        return undefined
      },
    }),
  ]
}

/**
 * A master has the data of many clients, so it requires client and environment: nobody gets everything by omitting them.
 * A search covers everything that the caller may see.
 */
function filterOf(
  query: CurrentQuery,
  { context, principal }: { context: TrackerContext; principal: Principal | undefined },
) {
  const { client_name: clientName, env_name: envName } = query
  const { namespace } = query
  const search = { namespace, ...imageFilterOf(query) }
  if (clientName !== undefined) requireClient(principal, clientName)
  if (isSearch(search)) return { clientName: clientName ?? clientOf(principal), envName, search }
  if (context.config.mode === 'master') {
    const missing = Object.entries({ client_name: clientName, env_name: envName }).filter(
      ([, value]) => !value,
    )
    if (missing.length > 0)
      throw invalid('query', Object.fromEntries(missing.map(([key]) => [key, 'is required'])))
  }
  return { clientName, envName, search: undefined }
}

function currentBody(
  rows: CurrentRow[],
  { limit, total, now }: { limit: number | undefined; total: number; now: Date },
) {
  const shown = rows.slice(0, limit)
  const last = limit !== undefined && rows.length > limit ? shown.at(-1) : undefined
  const namespaces = Map.groupBy(shown.map(currentView), ({ namespace }) => namespace)
  return {
    namespaces: Object.fromEntries(namespaces),
    ordered_namespaces: [...namespaces.keys()],
    total,
    next_cursor: last ? encodePosition([last.namespace, last.workload, last.container, last.id]) : null,
    timestamp: now.toISOString(),
  }
}

const currentColumns = [
  ...(['client_name', 'env_name', 'namespace', 'workload_type', 'workload_name', 'container_name'] as const),
  ...(['image_repo', 'image_name', 'image_tag', 'image_sha'] as const),
  ...(['first_seen', 'last_seen', 'state', 'pods'] as const),
]

function compareCsv(groups: [string, Compared[]][]): string {
  const rows = groups.flatMap(([result, list]) => list.map((each) => ({ result, ...each })))
  return csvOf(rows, {
    result: (row) => row.result,
    namespace: (row) => row.namespace,
    workload_kind: (row) => kindText(row.workload_kind, row.workload_group),
    workload_name: (row) => row.workload_name,
    container_name: (row) => row.container_name,
    left_tag: (row) => row.left?.image_tag,
    left_sha: (row) => row.left?.image_sha,
    right_tag: (row) => row.right?.image_tag,
    right_sha: (row) => row.right?.image_sha,
  })
}
