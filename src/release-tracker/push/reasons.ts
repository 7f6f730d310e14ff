import { propertiesOf } from '../../platform/thrown.ts'
/** The reason of an item whose answer was lost: the master says only that it already has the push. */
export const unconfirmed = 'the answer to it was lost'

/**
 * Describes why an item was not stored, for reports and logs of both sides.
 * @param fields of the error envelope or of an item's result
 */
export function reasonOf(status: string, fields: unknown): string {
  if (status === 'duplicate') return unconfirmed
  if (status === 'conflict') return 'another image was recorded for that time'
  const [first] = Array.isArray(fields) ? fields : []
  const { path, problem } = propertiesOf(first)
  return typeof path === 'string' && typeof problem === 'string' ? `${path} ${problem}` : status.slice(0, 100)
}
