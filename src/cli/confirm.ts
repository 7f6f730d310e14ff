import type { Prompt } from './deps.ts'
import { Declined, UsageFault } from './faults.ts'

/** A question that a command asks before it changes something. */
interface Question {
  /** Ends with `? `, or with `: ` where `expected` is to be typed. */
  text: string
  /** The text that must be typed; default: y or yes, in any letter case. */
  expected?: string
  /** Completes "No terminal to ask": `whether to deploy`. */
  subject: string
  /** The sentence for a declined question: `Nothing was deployed.` */
  declined: string
}

type Asking = Pick<Prompt, 'interactive' | 'ask'>

/** Called before a command does anything. @throws UsageFault without a terminal */
export function requireTerminal(prompt: Pick<Prompt, 'interactive'>, subject: string): void {
  if (!prompt.interactive) throw new UsageFault(`No terminal to ask ${subject}: add --yes`)
}

/** Asks and returns if the answer agrees. @throws Declined for any other answer, UsageFault without a terminal */
export async function confirm(prompt: Asking, question: Question): Promise<void> {
  requireTerminal(prompt, question.subject)
  const answer = (await prompt.ask(question.text)).trim()
  const agrees = question.expected === undefined ? /^y(es)?$/i.test(answer) : answer === question.expected
  if (!agrees) throw new Declined(question.declined)
}
