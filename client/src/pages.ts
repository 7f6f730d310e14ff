import { propertiesOf } from './errors.ts'

type Query = Record<string, unknown>

/**
 * Yields the pages of a list to the last one.
 * @param read reads the page of a query
 */
export async function* readPages(
  read: (query: Query) => Promise<unknown>,
  first: Query,
): AsyncGenerator<unknown, void> {
  let query: Query | undefined = first
  while (query !== undefined) {
    const page: unknown = await read(query)
    yield page
    query = nextQuery(page, query)
  }
}

/** The query of the page after this one. Lists go on with a cursor, with the number of an event, or with `skip`. */
function nextQuery(page: unknown, query: Query): Query | undefined {
  const { next_cursor, nextCursor = next_cursor, nextAfter, total, ...others } = propertiesOf(page)
  const { page: _, ...kept } = query
  if (typeof nextCursor === 'string') return { ...kept, cursor: nextCursor }
  if (typeof nextAfter === 'number') return { ...query, after: nextAfter }
  if (nextCursor !== undefined || nextAfter !== undefined || typeof total !== 'number') return undefined
  const size = Object.values(others).find(Array.isArray)?.length ?? 0
  const read = Number(query.skip ?? 0) + size
  return size > 0 && read < total ? { ...query, skip: read } : undefined
}
