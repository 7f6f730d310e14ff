import type { Command } from 'commander'
import type { ApiClient } from './api/client.ts'
import { createOutput, type Output } from './output.ts'

export { confirm, requireTerminal } from './confirm.ts'
export { type ExitCode, exitCodeOfRefusal, exitCodes, UsageFault } from './faults.ts'
export { eachOne, jsonOption, wholeNumber } from './options.ts'
export { type Output, plain, plainLines, table } from './output.ts'
export { createProgress, type Progress } from './progress.ts'
export { inCommandTerms } from './terms.ts'

/** Asks the user. */
export interface Prompt {
  /** False if standard input is not a terminal: then no question can be asked. */
  interactive: boolean
  ask(question: string, options?: { hidden: boolean }): Promise<string>
}

/** The dependencies of commands; each loads its heavy parts at the first use. */
export interface CommandDeps {
  /** The variables of the shell, with the settings of a found `.env`. */
  env: NodeJS.ProcessEnv
  /**
   * The variables of the shell alone, for values that are sent away, like an app's secrets: a `.env` of Capstan holds its
   * own keys, under names that apps use, too (`SECRET_KEY`).
   */
  shellEnv: NodeJS.ProcessEnv
  client(): Promise<ApiClient>
  prompt: Prompt
  stdout: { write(text: string): unknown }
  /** `isTTY`: a terminal, on which a line can be redrawn. */
  stderr: { write(text: string): unknown; isTTY?: boolean; columns?: number }
  /** Ends the process with this code once the command is over; without a call it is 0. */
  exitWith(code: number): void
}

/** The output of a command, depending on its `--json` or `--plan=json`. */
export function outputOf(deps: Pick<CommandDeps, 'stdout' | 'stderr'>, command: Command): Output {
  return createOutput(command.opts().json === true || command.opts().plan === 'json', deps)
}
