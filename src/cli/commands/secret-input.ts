import type { CommandDeps } from '../deps.ts'
import { UsageFault } from '../faults.ts'

interface SecretInput {
  /** The subject of the question: `new password`. */
  what: string
  /** The variable of the shell that may hold it. */
  variable?: string
  /** Asks twice, for a secret that is being chosen. */
  repeat?: boolean
}

/**
 * Reads a secret without showing it: from a variable of the shell, a hidden question, or the first line of standard input.
 * Never from an option, which other users of the machine can see.
 * @throws UsageFault if there is none
 */
export async function readSecret(
  { prompt, env }: Pick<CommandDeps, 'prompt' | 'env'>,
  { what, variable, repeat = false }: SecretInput,
): Promise<string> {
  const set = variable === undefined ? undefined : env[variable]
  if (set) return set
  const question = (suffix = '') => `${what.charAt(0).toUpperCase()}${what.slice(1)}${suffix}: `
  const hidden = { hidden: true }
  const answer = (prompt.interactive ? await prompt.ask(question(), hidden) : await prompt.firstLine()).trim()
  const places = [...(variable === undefined ? [] : [`set ${variable}`]), 'pipe it to standard input']
  if (answer === '') throw new UsageFault(`The ${what} is missing: ${places.join(', or ')}`)
  if (repeat && prompt.interactive && (await prompt.ask(question(' again'), hidden)).trim() !== answer)
    throw new UsageFault('The two answers differ')
  return answer
}
