export interface KnownOptions {
  known: readonly string[]
  /** What to write instead of options that other programs know, by their names in lower case. */
  instead?: Readonly<Record<string, string>>
}

/**
 * The options after the `?` of a setting's URL. An option that is ignored would be a setting without effect.
 * @param query without the `?`
 * @throws Error for an option that is unknown or given twice. It names the option; a value is never shown.
 */
export function readUrlOptions(query: string, { known, instead = {} }: KnownOptions): Map<string, string> {
  // Then the `?` is most likely part of a password, and so would be what looks like a name.
  if (query.includes('@')) throw new Error('expected no @ after the ?; write a ? in a password as %3F')
  const options = new Map<string, string>()
  for (const [name, value] of new URLSearchParams(query)) {
    const shown = /^[A-Za-z][A-Za-z0-9_.-]{0,49}$/.test(name) ? `the option ${name}` : 'an option after the ?'
    if (!known.includes(name)) {
      const hint = instead[name.toLowerCase()]
      throw new Error(`${shown} is not supported${hint === undefined ? '' : `: ${hint}`}`)
    }
    if (options.has(name)) throw new Error(`${shown} is given twice`)
    options.set(name, value)
  }
  return options
}
