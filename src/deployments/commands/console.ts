import { randomUUID } from 'node:crypto'
import { type CommandDeps, type Output, requireTerminal } from '../../cli/index.ts'

/** What a command acts with, and where its words go. */
export interface Console {
  deps: CommandDeps
  out: Output
}

/**
 * Requires somebody to ask, or `--yes`.
 * @param action what the question is about: `roll back`
 * @throws UsageFault
 */
export function requireConsent({ prompt }: CommandDeps, yes: boolean | undefined, action: string): void {
  if (!yes) requireTerminal(prompt, `whether to ${action}`)
}

/** A POST that the service carries out once, even if it arrives twice. */
export function postOnce(path: string, json: object) {
  return { method: 'POST', path, json, headers: { 'Idempotency-Key': randomUUID() } } as const
}
