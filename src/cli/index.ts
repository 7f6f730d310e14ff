import type { Command } from 'commander'
import type { ApiClient } from './api/client.ts'
import { createOutput, type Output } from './output.ts'

export { confirm, requireTerminal } from './confirm.ts'
export { type ExitCode, exitCodes, UsageFault } from './faults.ts'
export { eachOne, jsonOption, wholeNumber } from './options.ts'
export { type Output, plain, plainLines, table } from './output.ts'
export { createProgress, type Progress } from './progress.ts'
export { inCommandTerms } from './terms.ts'

/** Asks the person at the keyboard. */
export interface Prompt {
  /** False when standard input is no terminal: then nobody can be asked. */
  interactive: boolean
  ask(question: string, options?: { hidden: boolean }): Promise<string>
}

/** What commands are given; each loads its heavy parts only when it is used. */
export interface CommandDeps {
  env: NodeJS.ProcessEnv
  client(): Promise<ApiClient>
  prompt: Prompt
  stdout: { write(text: string): unknown }
  /** `isTTY`: a terminal, on which a line may be drawn again. */
  stderr: { write(text: string): unknown; isTTY?: boolean; columns?: number }
  /** Ends the process with this code once the command is over; without a call it is 0. */
  exitWith(code: number): void
}

/** Where a command's words go, by its `--json`. */
export function outputOf(deps: Pick<CommandDeps, 'stdout' | 'stderr'>, command: Command): Output {
  return createOutput(command.opts().json === true, deps)
}
