import { reasonOf } from '../reasons.ts'
import type { MasterAnswer } from './master-client.ts'

/** About the caller or about the moment, whatever the call contains. */
const unrelatedToContent = new Set([401, 407, 429])
/** Usually an outage. But a call that makes the master fail each time looks the same. */
const usuallyOutage = new Set([0, 408, 425, 502, 503, 504])
/** From this attempt on, an outage that only some calls meet is taken for a fault of their content. */
const attemptsBeforeBlame = 4

/** A master without the batch endpoint. */
export const lacksBatches = ({ status }: MasterAnswer): boolean => [404, 405, 501].includes(status)

/**
 * Whether an answer other than 200 may be caused by what the call contains, so that the call is worth splitting.
 * @param attempt of the push job, from 1
 */
export function mayBlameContent({ status }: MasterAnswer, attempt: number): boolean {
  if (unrelatedToContent.has(status) || (status > 0 && status < 400)) return false
  return !usuallyOutage.has(status) || attempt >= attemptsBeforeBlame
}

/** Why a call with one item was refused: the field that the master names, else its status. */
export function refusalReason({ status, body }: MasterAnswer): string {
  const { error } = (body ?? {}) as { error?: { details?: { fields?: unknown } } }
  if (status === 0) return 'the master did not answer'
  if (status === 413) return 'is too large for the master'
  return reasonOf(status === 409 ? 'conflict' : `the master answered ${status}`, error?.details?.fields)
}
