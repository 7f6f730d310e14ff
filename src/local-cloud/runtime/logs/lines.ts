/** `output`: written by the Worker or by workerd. `exception`: an uncaught exception, reported by the tail Worker. */
export type LineOrigin = 'output' | 'exception'

export interface LineSource {
  origin: LineOrigin
  /** The id of the version that wrote the line; undefined for a line of workerd itself, which names no Worker. */
  versionId?: string | undefined
}

/** Receives one line, which may contain line breaks. */
export type OnLine = (level: string, text: string, source: LineSource) => void

/** Kinds of lines that Capstan's own code inside workerd writes, each with the character that follows the marker. */
const kinds = { exception: '!', line: '>' } as const
export type MarkedKind = keyof typeof kinds

/**
 * The beginning of the lines that Capstan's code inside workerd writes for a version: workerd passes on one stream of
 * lines for all Workers of a process.
 * @param marker a secret of the process, because apps could forge such lines with it
 */
export const prefixOf = (marker: string, kind: MarkedKind, versionId: string): string =>
  `${marker}${kinds[kind]}${versionId} `

/** Reads the beginning of a line. @returns undefined for a line without the marker */
export function readPrefix(line: string, marker: string) {
  if (!line.startsWith(marker)) return undefined
  const rest = line.slice(marker.length)
  const kind = (Object.keys(kinds) as MarkedKind[]).find((each) => kinds[each] === rest[0])
  const [, versionId = '', text = ''] = /^(\S*) ?([\s\S]*)$/.exec(rest.slice(1)) ?? []
  return kind === undefined ? undefined : { kind, versionId, text }
}
