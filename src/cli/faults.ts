import { type Command, CommanderError } from 'commander'
import { ApiError, Unreachable } from './api/client.ts'
import { plain } from './output.ts'

/**
 * How a command ends, for scripts: what was asked for happened; it was tried and did not; it was refused or asked for
 * wrongly, and nothing was changed; nobody could be asked.
 */
export const exitCodes = { done: 0, failed: 1, refused: 2, unreachable: 3 } as const
/** For `capstan --help`; docs/command-line.md says the same. */
export const exitCodeHelp = `
Exit codes:
  ${exitCodes.done}  the command succeeded
  ${exitCodes.failed}  the command ran and failed: a deployment that did not complete, a file that is not genuine
  ${exitCodes.refused}  the command was refused or not understood; nothing was changed
  ${exitCodes.unreachable}  the service, or its database, does not respond`

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]

/** The command line, or what it names, is not usable: told without a stack. */
export class UsageFault extends Error {
  override name = 'UsageFault'
}

/** What a command's error means to who called it: lines for people, a document for `--json`, the exit code. */
export interface Explained {
  lines: string[]
  json: { error: { code: string; message: string } }
  exitCode: number
}

/** @param command the one that failed: what the API calls a field is told as its option. */
export function explain(error: unknown, command?: Command): Explained {
  if (error instanceof ApiError) {
    const lines = refusalLines(error, (field) => flagOf(command, field) ?? field)
    return {
      lines: lines.map((line) => inTermsOf(command, line)),
      json: error.envelope,
      exitCode: exitCodes.refused,
    }
  }
  const message = error instanceof Error ? error.message : String(error)
  if (error instanceof CommanderError) {
    // Commander has told it; its own faults of usage all end with 1, those of our commands with what they chose.
    const usage = error.exitCode !== 0 && error.code !== 'commander.error'
    const exitCode = usage ? exitCodes.refused : error.exitCode
    return { lines: [], json: { error: { code: 'usage', message } }, exitCode }
  }
  const [code, exitCode] =
    error instanceof Unreachable
      ? (['unreachable', exitCodes.unreachable] as const)
      : isUsage(error)
        ? (['usage', exitCodes.refused] as const)
        : (['failed', exitCodes.failed] as const)
  return { lines: `error: ${message}`.split('\n').map(plain), json: { error: { code, message } }, exitCode }
}

/** By name: the classes of faulty settings and starts come with modules that most commands never load. */
function isUsage(error: unknown): boolean {
  return error instanceof Error && ['UsageFault', 'ConfigError', 'StartFault'].includes(error.name)
}

/** Fields of the API whose options have another name. */
const otherNames: Record<string, string> = {
  rollbackOnFailure: '--no-rollback',
  appName: '--app',
  environment: '--env',
  environmentVars: '--var',
  secrets: '--secret',
  durableObjects: '--do',
  healthCheck: '--health',
  targetVersion: '--to',
}

/** `options.force: true` is `--force` here, and `config.environmentVars.NAME` is `--var NAME`. */
function inTermsOf(command: Command | undefined, text: string): string {
  const field = /\b(?:options|config)\.([A-Za-z]+)((?:\.\w+)*)(?:: true\b|=true\b)?/g
  return text.replace(field, (found: string, name: string, rest: string) => {
    const flag = flagOf(command, name)
    return flag === undefined ? found : `${flag}${rest.replaceAll('.', ' ')}`
  })
}

/** The option of this command for a field of the API, else that of any command; undefined where there is none. */
function flagOf(command: Command | undefined, field: string): string | undefined {
  if (command === undefined) return undefined
  let root = command
  while (root.parent !== null) root = root.parent
  const all = [command, ...everyCommand(root)].flatMap(({ options }) => options)
  const option = all.find((each) => each.long === otherNames[field] || each.attributeName() === field)
  return option?.long ?? undefined
}

const everyCommand = (command: Command): Command[] => [command, ...command.commands.flatMap(everyCommand)]

/** @param flag the option for a field at the top of a body */
function refusalLines({ envelope: { error } }: ApiError, flag: (field: string) => string): string[] {
  const { fields, correlationId, timestamp: _, ...others } = error.details
  return [
    `error: ${plain(error.message)} [${error.code}]`,
    ...fields.map(({ path, problem }) => `  ${plain(flag(path))}: ${plain(problem)}`),
    ...Object.entries(others).flatMap(([name, value]) => detailLine(name, value)),
    ...(error.suggestedAction === undefined ? [] : [`  ${plain(error.suggestedAction)}`]),
    ...(correlationId === undefined ? [] : [`  correlation id: ${plain(correlationId)}`]),
  ]
}

/** Who holds what is wanted, which check failed: `deploymentId: ...`, `checks: resources pass, quotas fail`. */
function detailLine(name: string, value: unknown): string[] {
  const isText = (each: unknown) => typeof each === 'string' || typeof each === 'number'
  if (isText(value)) return [`  ${plain(name)}: ${plain(String(value))}`]
  if (typeof value !== 'object' || value === null || !Object.values(value).every(isText)) return []
  const parts = Array.isArray(value) ? value : Object.entries(value).map(([part, text]) => `${part} ${text}`)
  return [`  ${plain(name)}: ${plain(parts.join(', '))}`]
}
