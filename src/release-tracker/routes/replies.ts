import type { Response } from 'express'
import { type CodedError, invalidRequest, noSuchPath } from '../../platform/errors.ts'
import { encodeCursor, readCursor } from '../../platform/http/index.ts'
import { isStorable } from '../../platform/postgres/storable-text.ts'
import type { TrackerMode } from '../api-keys.ts'

/** Sends a table as a download. @returns undefined, since the response is already sent */
export function sendCsv(res: Response, name: string, text: string): undefined {
  res.set('Content-Type', 'text/csv; charset=utf-8')
  res.set('Content-Disposition', `attachment; filename="${name}.csv"`)
  res.send(text)
  return undefined
}

/** The error of a master's path in another mode. */
export function notOfAMaster(mode: TrackerMode): CodedError {
  return noSuchPath(`This path exists only on a master, and MODE is ${mode}`, {
    suggestedAction: 'Ask the master, or set MODE=master',
  })
}

export function invalid(part: 'query' | 'body', faults: Record<string, string>): CodedError {
  const fields = Object.entries(faults).map(([path, problem]) => ({ path, problem }))
  return invalidRequest(part, fields)
}

/** Encodes the position after which a page begins as opaque text. */
export const encodePosition = (position: string[]): string => encodeCursor(JSON.stringify(position))

const bigint = /^\d{1,18}$/

/** Decodes a position; its last part is the id of a row. @throws REQ_002 if `encodePosition` did not create the cursor */
export function decodePosition(cursor: string | undefined, parts: number): string[] | undefined {
  return readCursor(cursor, (text) => {
    const position = parseJson(text)
    if (!Array.isArray(position) || position.length !== parts || !bigint.test(String(position.at(-1))))
      return undefined
    const fits = position.every((part) => typeof part === 'string' && part.length < 300 && isStorable(part))
    return fits ? position : undefined
  })
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
