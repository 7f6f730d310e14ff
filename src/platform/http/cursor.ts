import { CodedError } from '../errors.ts'

/** A position in a list that is sorted newest first by creation and id; exact to the microsecond. */
export interface Position {
  createdAt: string
  id: string
}

const shape = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z) ([0-9a-f]{8}-[0-9a-f-]{27})$/

/** @throws REQ_002 for anything that `page` did not make. */
export function decodeCursor(cursor: string | undefined): Position | undefined {
  if (cursor === undefined) return undefined
  const [, createdAt, id] = Buffer.from(cursor, 'base64url').toString().match(shape) ?? []
  if (createdAt !== undefined && id !== undefined) return { createdAt, id }
  const fields = [{ path: 'cursor', problem: 'expected a cursor of this list' }]
  throw new CodedError('REQ_002', "The request's query is not valid", { details: { fields } })
}

/** Cuts a page from rows that were read with one more than `limit`. @returns the cursor of the next page, or null. */
export function page<Row extends { id: string; position: string }>(rows: Row[], limit: number) {
  const items = rows.slice(0, limit)
  const last = rows.length > limit ? items.at(-1) : undefined
  const next = last === undefined ? null : Buffer.from(`${last.position} ${last.id}`).toString('base64url')
  return { items, next }
}
