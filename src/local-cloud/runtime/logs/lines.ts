import { createHmac } from 'node:crypto'

/** `output`: written by the Worker or by workerd. `exception`: an uncaught exception, reported by the tail Worker. */
export type LineOrigin = 'output' | 'exception'

export interface LineSource {
  origin: LineOrigin
  /** The id of the version that wrote the line; undefined for a line of workerd itself, which names no Worker. */
  versionId?: string | undefined
}

/** Receives one line, which may contain line breaks. */
export type OnLine = (level: string, text: string, source: LineSource) => void

/** Kinds of lines that Capstan's own code inside workerd writes, each with the character that follows the seal. */
const kinds = { exception: '!', line: '>' } as const
export type MarkedKind = keyof typeof kinds

/**
 * The beginning of the lines of one kind that Capstan's code inside workerd writes for a version: workerd passes on one
 * stream of lines for all Workers of a process. A Worker can find out how its own lines begin; this does not tell it how
 * those of other kinds and versions do.
 * @param marker a secret of the process, which no code inside workerd knows
 */
export const prefixOf = (marker: string, kind: MarkedKind, versionId: string): string =>
  `${sealOf(marker, kind, versionId)}${kinds[kind]}${versionId} `

const sealOf = (marker: string, kind: MarkedKind, versionId: string) =>
  createHmac('sha256', marker).update(`${kind} ${versionId}`).digest('hex').slice(0, 32)

/** Reads the beginning of a line. @returns undefined for a line without a valid one */
export function readPrefix(line: string, marker: string) {
  const [, seal = '', character, versionId = '', text = ''] =
    /^([0-9a-f]{32})([!>])(\S*) ?([\s\S]*)$/.exec(line) ?? []
  const kind = (Object.keys(kinds) as MarkedKind[]).find((each) => kinds[each] === character)
  if (kind === undefined || seal !== sealOf(marker, kind, versionId)) return undefined
  return { kind, versionId, text }
}
