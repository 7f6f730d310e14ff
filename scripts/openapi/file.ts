import { fileURLToPath } from 'node:url'

export const projectRoot: string = fileURLToPath(new URL('../..', import.meta.url))

/** The text of a document: with sorted keys, so that equal documents have equal texts. */
export const textOf = (document: object): string => `${JSON.stringify(sorted(document), null, 1)}\n`

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (value === null || typeof value !== 'object') return value
  const entries = Object.entries(value).filter(([, each]) => each !== undefined)
  entries.sort(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(entries.map(([key, each]) => [key, sorted(each)]))
}
