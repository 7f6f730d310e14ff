import type { CommandDeps } from '../deps.ts'
import { UsageFault } from '../faults.ts'
import { plain } from '../output.ts'

interface SecretInput {
  /** The subject of the question: `new password`. */
  what: string
  /** The address that it is sent to, if the user is to see it before answering. */
  service?: string
  /** The variable of the shell that may hold it. */
  variable?: string
  /** Asks twice, for a secret that is being chosen. */
  repeat?: boolean
}

/**
 * Reads a secret without showing it: from a variable of the shell, a hidden question, or the first line of standard input.
 * Never from an option, which other users of the machine can see, nor from a `.env`, which may come with a repository.
 * @throws UsageFault if there is none
 */
export async function readSecret(
  { prompt, shellEnv }: Pick<CommandDeps, 'prompt' | 'shellEnv'>,
  { what, service, variable, repeat = false }: SecretInput,
): Promise<string> {
  const set = variable === undefined ? undefined : shellEnv[variable]
  if (set) return set
  const subject = `${what.charAt(0).toUpperCase()}${what.slice(1)}`
  const place = service === undefined ? '' : ` for ${plain(service)}`
  const question = (suffix = '') => `${subject}${suffix}${place}: `
  const hidden = { hidden: true }
  const answer = (prompt.interactive ? await prompt.ask(question(), hidden) : await prompt.firstLine()).trim()
  const places = [...(variable === undefined ? [] : [`set ${variable}`]), 'pipe it to standard input']
  if (answer === '') throw new UsageFault(`The ${what} is missing: ${places.join(', or ')}`)
  if (repeat && prompt.interactive && (await prompt.ask(question(' again'), hidden)).trim() !== answer)
    throw new UsageFault('The two answers differ')
  return answer
}
