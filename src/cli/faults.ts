import { constants } from 'node:os'
import { type Command, CommanderError } from 'commander'
import { ApiError, Unreachable } from './api/client.ts'
import { plain } from './output.ts'
import { inCommandTerms, optionFor } from './terms.ts'

/** How a command ends, for scripts. */
export const exitCodes = { done: 0, failed: 1, refused: 2, unreachable: 3 } as const
/** For `capstan --help`; docs/command-line.md says the same. */
export const exitCodeHelp = `
Exit codes:
  ${exitCodes.done}  the command succeeded
  ${exitCodes.failed}  the command ran and failed: a deployment that did not complete, a file that is not genuine
  ${exitCodes.refused}  the command was refused, not understood, or declined at a question; nothing was changed
  ${exitCodes.unreachable}  the service, or its database, does not respond`

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]

/** The command line, or what it names, is not usable: told without a stack. */
export class UsageFault extends Error {
  override name = 'UsageFault'
}

/** The person at the keyboard did not agree to what a command asked. The message says what did not happen. */
export class Declined extends Error {
  override name = 'Declined'
}

/** The person at the keyboard pressed Ctrl-C at a question. */
export class Interrupted extends Error {
  override name = 'Interrupted'
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
    const lines = refusalLines(error, (field) => optionFor(command, field) ?? field)
    return {
      lines: lines.map((line) => inCommandTerms(line, command)),
      json: error.envelope,
      exitCode: exitCodeOf(error.status),
    }
  }
  const message = error instanceof Error ? error.message : String(error)
  if (error instanceof CommanderError) {
    // Commander has printed it. It ends its own faults of usage with 1.
    const exitCode = error.exitCode === 0 ? exitCodes.done : exitCodes.refused
    return { lines: [], json: { error: { code: 'usage', message } }, exitCode }
  }
  if (error instanceof Declined)
    return {
      lines: [plain(message)],
      json: { error: { code: 'declined', message } },
      exitCode: exitCodes.refused,
    }
  if (error instanceof Interrupted)
    return { lines: [], json: { error: { code: 'interrupted', message } }, exitCode: interruptedCode }
  const [code, exitCode] =
    error instanceof Unreachable
      ? (['unreachable', exitCodes.unreachable] as const)
      : isUsage(error)
        ? (['usage', exitCodes.refused] as const)
        : (['failed', exitCodes.failed] as const)
  return { lines: `error: ${message}`.split('\n').map(plain), json: { error: { code, message } }, exitCode }
}

/** As a command has that SIGINT ended. */
const interruptedCode = 128 + constants.signals.SIGINT

/** 503: the service answers, but not its database or queue store. Other 5xx: it tried, and failed. */
function exitCodeOf(status: number): ExitCode {
  if (status === 503) return exitCodes.unreachable
  return status >= 500 ? exitCodes.failed : exitCodes.refused
}

/** By name: the classes of faulty settings and starts come with modules that most commands never load. */
function isUsage(error: unknown): boolean {
  return error instanceof Error && ['UsageFault', 'ConfigError', 'StartFault'].includes(error.name)
}

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
