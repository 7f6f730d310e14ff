/** The limits of the files `_headers` and `_redirects`. */
const maxLineLength = 2000

export interface RuleLine {
  /** From 1. */
  number: number
  text: string
}

export interface Problem {
  line: number
  message: string
}

/** The lines with content: without empty lines and comments. Lines over 2,000 characters are a problem. */
export function ruleLines(file: string): { lines: RuleLine[]; problems: Problem[] } {
  const lines: RuleLine[] = []
  const problems: Problem[] = []
  for (const [at, raw] of file
    .replace(/^\uFEFF/, '')
    .split('\n')
    .entries()) {
    const text = raw.trim()
    if (text === '' || text.startsWith('#')) continue
    if (text.length > maxLineLength) {
      problems.push({ line: at + 1, message: `The line has more than ${maxLineLength} characters.` })
    } else lines.push({ number: at + 1, text })
  }
  return { lines, problems }
}

const absolute = /^https:\/\/+([^/]+)(\/.*)?$/

export const isAbsolute = (url: string): boolean => absolute.test(url)

/** The host of an absolute URL; undefined for a path. */
export const hostOf = (url: string): string | undefined => absolute.exec(url)?.[1]

/**
 * The normalized form of a rule's URL: percent-encoded, and without query and fragment unless `whole`.
 * @returns undefined if it is neither a path nor an https URL
 */
export function normalizedUrl(url: string, whole: boolean): string | undefined {
  const host = hostOf(url)
  const path = host === undefined ? url : (absolute.exec(url)?.[2] ?? '/')
  if (!path.startsWith('/') || !URL.canParse(`https://host.invalid${path}`)) return undefined
  const { pathname, search, hash } = new URL(`https://host.invalid${path}`)
  return `${host === undefined ? '' : `https://${host}`}${pathname}${whole ? `${search}${hash}` : ''}`
}

/** True if the path has a wildcard or a placeholder such as `:name`. */
export const isDynamic = (path: string): boolean => /\*|:[A-Za-z]\w*/.test(path)
