import { notFound } from '../../platform/errors.ts'
import { type Route, route } from '../../platform/http/index.ts'
import { parseInstant } from '../../platform/instant.ts'
import { clientOf, requireClient } from '../access.ts'
import type { TrackerContext } from '../context.ts'
import type { ImagePattern } from '../image-reference.ts'
import { csvOfColumns } from '../reading/csv.ts'
import { foundCells, foundView, historyCells, historyView } from '../reading/views.ts'
import { historyParams, historyQuery, historySearchQuery } from '../schema.ts'
import { type HistoryPage, type HistoryRow, readHistory } from '../store/releases.ts'
import { type ImageFilter, isSearch } from '../store/search/image-filter.ts'
import { searchHistory } from '../store/search/search.ts'
import { operation } from './operation.ts'
import { decodePosition, encodePosition, invalid, sendCsv } from './replies.ts'

const read = { method: 'get', access: 'tracker:read', schemes: ['tracker-key'] } as const

/** The history of one container, and of an image in all containers. */
export function historyRoutes({ db, now }: TrackerContext): Route[] {
  return [
    route({
      ...operation('searchReleaseHistory'),
      ...read,
      path: '/api/releases/history',
      query: historySearchQuery,
      async handle({ query, principal, res }) {
        const { client_name: clientName, env_name: envName, namespace, kind, limit } = query
        const filter = { namespace, ...imageFilterOf(query) }
        if (!isSearch(filter)) throw missingFilter()
        if (clientName !== undefined) requireClient(principal, clientName)
        const search = { ...filter, clientName: clientName ?? clientOf(principal), envName, kind }
        const found = await searchHistory(db, search, { after: afterOf(query.cursor), limit: limit + 1 })
        const rows = found.rows.slice(0, limit)
        if (query.format === 'csv')
          return sendCsv(res, 'history', csvOfColumns(rows.map(foundCells), [...placeColumns, ...columns]))
        const next_cursor = nextOf(found.rows, limit)
        const releases = rows.map(foundView)
        return { body: { releases, total: found.total, next_cursor, timestamp: now().toISOString() } }
      },
    }),
    route({
      ...operation('getComponentHistory'),
      ...read,
      path: '/api/releases/history/:client/:env/:namespace/:workload/:container',
      params: historyParams,
      query: historyQuery,
      async handle({ params, query, principal, res }) {
        requireClient(principal, params.client)
        const { client: clientName, env: envName, namespace, workload, container } = params
        const key = { clientName, envName, namespace, workload, container, kind: query.kind }
        const page = { after: afterOf(query.cursor), limit: query.limit + 1 }
        const found = await readHistory(db, { ...key, search: imageFilterOf(query) }, page)
        if (found === undefined) throw notFound('Component')
        const rows = found.rows.slice(0, query.limit)
        if (query.format === 'csv')
          return sendCsv(res, 'history', csvOfColumns(rows.map(historyCells), columns))
        return {
          body: {
            component: {
              client_name: clientName,
              env_name: envName,
              namespace,
              workload_name: workload,
              container_name: container,
            },
            releases: rows.map(historyView),
            total: found.total,
            next_cursor: nextOf(found.rows, query.limit),
            timestamp: now().toISOString(),
          },
        }
      },
    }),
  ]
}

/** The image parameter may contain a tag and a digest. @throws REQ_002 if `tag` or `digest` contradicts it */
export function imageFilterOf(query: {
  image?: ImagePattern | undefined
  tag?: string | undefined
  digest?: string | undefined
}): ImageFilter {
  const { image } = query
  for (const part of ['tag', 'digest'] as const) {
    const differs = image?.[part] !== undefined && query[part] !== undefined && image[part] !== query[part]
    if (differs) throw invalid('query', { [part]: 'differs from the one in image' })
  }
  return { image, tag: query.tag ?? image?.tag, digest: query.digest ?? image?.digest }
}

function missingFilter() {
  const problem = 'at least one of namespace, image, tag and digest is required'
  return invalid('query', { namespace: problem, image: problem, tag: problem, digest: problem })
}

/** @throws REQ_002 */
function afterOf(cursor: string | undefined): HistoryPage['after'] {
  const [firstSeen, id] = decodePosition(cursor, 2) ?? []
  if (firstSeen !== undefined && parseInstant(firstSeen) === undefined)
    throw invalid('query', { cursor: 'expected a cursor of this list' })
  return firstSeen === undefined || id === undefined ? undefined : { firstSeen, id }
}

/** @param rows the page, and one more row if there is a next page */
function nextOf(rows: HistoryRow[], limit: number): string | null {
  const last = rows.length > limit ? rows[limit - 1] : undefined
  return last === undefined ? null : encodePosition([last.first_seen.toISOString(), last.id])
}

const placeColumns = ['client_name', 'env_name', 'namespace', 'workload_name', 'container_name'] as const
const columns = [
  ...(['workload_kind', 'image_repo', 'image_name', 'image_tag', 'image_sha'] as const),
  ...(['first_seen', 'last_seen', 'ended', 'ended_at'] as const),
]
