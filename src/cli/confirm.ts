import { Declined, UsageFault } from './faults.ts'
import type { Prompt } from './prompt.ts'

/** A question that a command asks before it changes something. */
interface Question {
  /** Ends with `? `, or with `: ` where `expected` is to be typed. */
  text: string
  /** What has to be typed; default: y or yes, in any letter case. */
  expected?: string
  /** Completes "There's no terminal to ask on": `whether to deploy`. */
  subject: string
  /** What did not happen, as a sentence: `Nothing was deployed.` */
  declined: string
}

type Asking = Pick<Prompt, 'interactive' | 'ask'>

/** @throws UsageFault when nobody can be asked; called before anything else is done */
export function requireTerminal(prompt: Pick<Prompt, 'interactive'>, subject: string): void {
  if (!prompt.interactive) throw new UsageFault(`There's no terminal to ask on ${subject}: say so with --yes`)
}

/** Asks, and returns when the answer agrees. @throws Declined for any other answer, UsageFault without a terminal */
export async function confirm(prompt: Asking, question: Question): Promise<void> {
  requireTerminal(prompt, question.subject)
  const answer = (await prompt.ask(question.text)).trim()
  const agrees = question.expected === undefined ? /^y(es)?$/i.test(answer) : answer === question.expected
  if (!agrees) throw new Declined(question.declined)
}
