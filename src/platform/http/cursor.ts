import { invalidRequest } from '../errors.ts'
import { parseInstant } from '../instant.ts'
import { isStorable } from '../postgres/storable-text.ts'

/** A position in a list sorted by creation time and id, newest first; exact to the microsecond. */
export interface Position {
  createdAt: string
  id: string
}

const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** Encodes a position as opaque text. */
export const encodeCursor = (position: string): string => Buffer.from(position).toString('base64url')

/**
 * Decodes a cursor made by `encodeCursor`.
 * @param read parses the text of a position; returns undefined for text that is not a position in this list
 * @param status the status of validation errors in this family of routes
 * @throws REQ_002
 */
export function readCursor<P>(
  cursor: string | undefined,
  read: (text: string) => P | undefined,
  status: 400 | 422 = 400,
): P | undefined {
  if (cursor === undefined) return undefined
  const text = Buffer.from(cursor, 'base64url').toString()
  const position = isStorable(text) ? read(text) : undefined
  if (position !== undefined) return position
  const fields = [{ path: 'cursor', problem: 'expected a cursor of this list' }]
  throw invalidRequest('query', fields, status)
}

/** @throws REQ_002 for a cursor that `page` did not create */
export function decodeCursor(cursor: string | undefined, status?: 400 | 422): Position | undefined {
  const read = (text: string): Position | undefined => {
    const [createdAt = '', id = '', ...rest] = text.split(' ')
    const fits = rest.length === 0 && parseInstant(createdAt) !== undefined && uuid.test(id)
    return fits ? { createdAt, id } : undefined
  }
  return readCursor(cursor, read, status)
}

/** Makes a page of rows that were read with a limit of `limit + 1`. @returns the cursor of the next page, or null */
export function page<Row extends { id: string; position: string }>(rows: Row[], limit: number) {
  const items = rows.slice(0, limit)
  const last = rows.length > limit ? items.at(-1) : undefined
  const next = last === undefined ? null : encodeCursor(`${last.position} ${last.id}`)
  return { items, next }
}
