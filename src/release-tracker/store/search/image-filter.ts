import type { Knex } from 'knex'
import type { ImagePattern } from '../../image-reference.ts'

/** The criteria of a search. All that are set must match. */
export interface ImageFilter {
  namespace?: string | undefined
  image?: ImagePattern | undefined
  tag?: string | undefined
  digest?: string | undefined
}

export const isSearch = (filter: ImageFilter): boolean =>
  [filter.namespace, filter.image, filter.tag, filter.digest].some((each) => each !== undefined)

/** Limits a query of scopes `s` and components `c` to running images, including those in `images` beside the row's own. */
export function wherePresent(query: Knex.QueryBuilder, filter: ImageFilter): void {
  whereNamed(query, filter, 'c')
  const { tag, digest } = filter
  if (tag === undefined && digest === undefined) return
  const ofTag = tag === undefined ? {} : { image_tag: tag }
  query.where((either) => {
    either.where((row) => whereEqual(row, filter, 'c'))
    for (const live of digest === undefined ? [{}] : [{ image_sha: digest }, { image_shas: [digest] }])
      either.orWhereRaw('c.images @> ?::jsonb', [JSON.stringify([{ ...ofTag, ...live }])])
  })
}

/** Limits a query of scopes `s` and intervals `i` in the same way. */
export function whereRan(query: Knex.QueryBuilder, filter: ImageFilter): void {
  whereNamed(query, filter, 'i')
  whereEqual(query, filter, 'i')
}

/** Limits components `c` to those that ever ran the image, which an index finds. The moment is checked afterwards. */
export function whereEverRan(query: Knex.QueryBuilder, db: Knex, filter: ImageFilter): void {
  const { image, tag, digest } = filter
  if (image === undefined && tag === undefined && digest === undefined) return
  const ids = db('tracker_intervals as i').select('i.component_id')
  whereRan(ids, { image, tag, digest })
  query.whereIn('c.id', ids)
}

function whereEqual(query: Knex.QueryBuilder, { tag, digest }: ImageFilter, table: 'c' | 'i'): void {
  if (tag !== undefined) query.where(`${table}.image_tag`, tag)
  if (digest !== undefined) query.where(`${table}.image_sha`, digest)
}

function whereNamed(query: Knex.QueryBuilder, { namespace, image }: ImageFilter, table: 'c' | 'i'): void {
  if (namespace !== undefined) query.where('s.namespace', namespace)
  if (image === undefined) return
  query.whereRaw(`substring(${table}.image_name from '[^/]*$') = ?`, [image.name])
  query.whereRaw(`right('/' || ${table}.image_repo || '/' || ${table}.image_name, length(?)) = ?`, [
    image.ending,
    image.ending,
  ])
}
