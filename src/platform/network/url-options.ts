export interface KnownOptions {
  /** The options that have an effect. */
  known: readonly string[]
  /** Options that are accepted without effect, and the values for which nothing is lost by that. */
  ignored?: Readonly<Record<string, { values: RegExp; expected?: string }>>
  /** Hints for unsupported options that other programs accept, by their names in lower case. */
  hints?: Readonly<Record<string, string>>
}

export interface UrlOptions {
  given: Map<string, string>
  /** The names of the given options that have no effect. */
  ignored: string[]
}

/**
 * The options after the `?` of a setting's URL. An unknown option is an error, because it is probably misspelled.
 * @param query without the `?`
 * @throws Error for an unknown or repeated option, with its name but not its value
 */
export function readUrlOptions(query: string, options: KnownOptions): UrlOptions {
  // With an @, the `?` is probably part of a password, and so is the text that looks like an option's name.
  if (query.includes('@')) throw new Error('expected no @ after the ?; write a ? in a password as %3F')
  const given = new Map<string, string>()
  const ignored: string[] = []
  for (const [name, value] of new URLSearchParams(query)) {
    const isIgnored = requireSupported(name, value, options)
    if (given.has(name) || ignored.includes(name)) throw new Error(`the option ${name} is given twice`)
    if (isIgnored) ignored.push(name)
    else given.set(name, value)
  }
  return { given, ignored }
}

/** @returns true for an option without effect */
function requireSupported(name: string, value: string, { known, ignored, hints }: KnownOptions): boolean {
  if (known.includes(name)) return false
  const isKnown = ignored !== undefined && Object.hasOwn(ignored, name)
  const without = isKnown ? ignored[name] : undefined
  if (without?.values.test(value)) return true
  if (without?.expected !== undefined) throw new Error(`expected ${name} to be ${without.expected}`)
  const shown = /^[A-Za-z][A-Za-z0-9_.-]{0,49}$/.test(name) ? `the option ${name}` : 'an option after the ?'
  const hint = Object.entries(hints ?? {}).find(([other]) => other === name.toLowerCase())?.[1]
  throw new Error(`${shown} is not supported${hint === undefined ? '' : `: ${hint}`}`)
}
