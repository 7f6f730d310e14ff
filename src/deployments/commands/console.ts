import { randomUUID } from 'node:crypto'
import { type CommandDeps, type Output, requireTerminal } from '../../cli/index.ts'

/** The dependencies of a command, and its output. */
export interface Console {
  deps: CommandDeps
  out: Output
}

/**
 * Requires `--yes`, or a terminal for the confirmation.
 * @param action the verb of the question, like `roll back`
 * @throws UsageFault
 */
export function requireConsent({ prompt }: CommandDeps, yes: boolean | undefined, action: string): void {
  if (!yes) requireTerminal(prompt, `whether to ${action}`)
}

/** A POST with an idempotency key: the service executes it once, even if it arrives twice. */
export function postOnce(path: string, json: object) {
  return { method: 'POST', path, json, headers: { 'Idempotency-Key': randomUUID() } } as const
}
