export interface KnownOptions {
  known: readonly string[]
  /** Hints for unsupported options that other programs accept, by their names in lower case. */
  hints?: Readonly<Record<string, string>>
}

/**
 * Parses the options after the `?` of a setting's URL.
 * @param query without the `?`
 * @throws Error for an unknown or repeated option, with its name but not its value: an ignored option would have no
 * effect
 */
export function readUrlOptions(query: string, { known, hints = {} }: KnownOptions): Map<string, string> {
  // With an @, the `?` is probably part of a password, and so is the text that looks like an option's name.
  if (query.includes('@')) throw new Error('expected no @ after the ?; write a ? in a password as %3F')
  const options = new Map<string, string>()
  for (const [name, value] of new URLSearchParams(query)) {
    const shown = /^[A-Za-z][A-Za-z0-9_.-]{0,49}$/.test(name) ? `the option ${name}` : 'an option after the ?'
    if (!known.includes(name)) {
      const hint = hints[name.toLowerCase()]
      throw new Error(`${shown} is not supported${hint === undefined ? '' : `: ${hint}`}`)
    }
    if (options.has(name)) throw new Error(`${shown} is given twice`)
    options.set(name, value)
  }
  return options
}
