import type { ApiClient } from './api/client.ts'

/** Asks the user. */
export interface Prompt {
  /** False if standard input is not a terminal: then no question can be asked. */
  interactive: boolean
  ask(question: string, options?: { hidden: boolean }): Promise<string>
  /** The first line of standard input that is no terminal; empty if there is none. */
  firstLine(): Promise<string>
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
  /** @param context the value of `--context`, which actions need not pass: the program knows its running command */
  client(context?: string): Promise<ApiClient>
  prompt: Prompt
  stdout: { write(text: string): unknown }
  /** `isTTY`: a terminal, on which a line can be redrawn. */
  stderr: { write(text: string): unknown; isTTY?: boolean; columns?: number }
  /** Ends the process with this code once the command is over; without a call it is 0. */
  exitWith(code: number): void
}
