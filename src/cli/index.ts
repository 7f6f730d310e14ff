import type { Command } from 'commander'
import type { CommandDeps } from './deps.ts'
import { createOutput, type Output } from './output.ts'

export { addApiCommand } from './commands/api-command.ts'
export { confirm, requireTerminal } from './confirm.ts'
export type { CommandDeps, Prompt } from './deps.ts'
export { type ExitCode, exitCodeOfRefusal, exitCodes, UsageFault } from './faults.ts'
export {
  choiceOption,
  eachOne,
  jsonOption,
  listOption,
  numberOption,
  timeOption,
  wholeNumber,
  withoutContext,
} from './options.ts'
export { facts, type Output, plain, plainLines, table } from './output.ts'
export { createProgress, type Progress } from './progress.ts'
export { inCommandTerms } from './terms.ts'

/** The output of a command, depending on its `--json` or `--plan=json`. */
export function outputOf(deps: Pick<CommandDeps, 'stdout' | 'stderr'>, command: Command): Output {
  return createOutput(command.opts().json === true || command.opts().plan === 'json', deps)
}
