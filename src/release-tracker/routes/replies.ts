import type { Response } from 'express'
import type { TrackerMode } from '../../platform/config/index.ts'
import { CodedError } from '../../platform/errors.ts'

/** Writes a table as a download. @returns undefined: the answer is given. */
export function sendCsv(res: Response, name: string, text: string): undefined {
  res.set('Content-Type', 'text/csv; charset=utf-8')
  res.set('Content-Disposition', `attachment; filename="${name}.csv"`)
  res.send(text)
  return undefined
}

/** Where this is no master: these paths exist on a master only. */
export function notOfAMaster(mode: TrackerMode): CodedError {
  return new CodedError('SYS_005', `There is nothing at this path: it is a master's, and MODE is ${mode}`, {
    suggestedAction: 'Ask the master, or set MODE=master',
  })
}

export function invalid(part: 'query' | 'body', faults: Record<string, string>): CodedError {
  const fields = Object.entries(faults).map(([path, problem]) => ({ path, problem }))
  return new CodedError('REQ_002', `The request's ${part} is not valid`, { details: { fields } })
}

/** The position after which a page begins, as opaque text. */
export const encodePosition = (position: unknown[]): string =>
  Buffer.from(JSON.stringify(position)).toString('base64url')

/** @throws REQ_002 for anything that `encodePosition` did not make of this many texts. */
export function decodePosition(cursor: string | undefined, parts: number): string[] | undefined {
  if (cursor === undefined) return undefined
  try {
    const position: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString())
    const fits =
      Array.isArray(position) && position.length === parts && /^\d{1,18}$/.test(String(position.at(-1)))
    if (fits && position.every((part) => typeof part === 'string' && part.length < 300)) return position
  } catch {
    // Not ours.
  }
  throw invalid('query', { cursor: 'expected a cursor of this list' })
}
