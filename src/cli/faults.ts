import { constants } from 'node:os'
import { type Command, CommanderError } from 'commander'
import { ApiError, ConnectionError } from '../../client/src/errors.ts'
import type { ErrorCode } from '../platform/error-codes.ts'
import { plain } from './output.ts'
import { inCommandTerms, optionFor } from './terms.ts'

/** The exit codes, for scripts. */
export const exitCodes = { done: 0, failed: 1, refused: 2, unreachable: 3 } as const
/** For `capstan --help`; docs/command-line.md says the same. */
export const exitCodeHelp = `
Exit codes:
  ${exitCodes.done}  the command succeeded
  ${exitCodes.failed}  the command ran and failed: a deployment that did not complete, a file that is not genuine
  ${exitCodes.refused}  the command was refused, not understood, or declined at a question; nothing was changed
  ${exitCodes.unreachable}  the service, or its database, does not respond`

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]

/** The command line, or a file or service that it names, is invalid. Printed without a stack. */
export class UsageFault extends Error {
  override name = 'UsageFault'
}

/** The user declined a question. The message says what did not happen. */
export class Declined extends Error {
  override name = 'Declined'
}

/** The user pressed Ctrl-C at a question. */
export class Interrupted extends Error {
  override name = 'Interrupted'
}

/** A command's error for its caller: lines for people, a document for `--json`, the exit code. */
export interface Explained {
  lines: string[]
  json: { error: { code: string; message: string } }
  exitCode: number
}

/** @param command the command that failed; fields of the API are named by its options */
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
    // Commander has printed the error. Its own exit code for usage errors is 1.
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
    error instanceof ConnectionError
      ? (['unreachable', exitCodes.unreachable] as const)
      : isUsage(error)
        ? (['usage', exitCodes.refused] as const)
        : (['failed', exitCodes.failed] as const)
  // The messages of other faults name the next step themselves.
  const step =
    error instanceof ConnectionError && error.name === 'ConnectionError'
      ? ['  Check that the service runs; capstan context list shows the services that commands can use']
      : []
  const lines = [...`error: ${message}`.split('\n').map(plain), ...step]
  return { lines, json: { error: { code, message } }, exitCode }
}

/** The exit code of a command that SIGINT ended. */
const interruptedCode = 128 + constants.signals.SIGINT

/** 503: the service responds, but its database or queue store does not. Other 5xx: the request failed. */
function exitCodeOf(status: number): ExitCode {
  if (status === 503) return exitCodes.unreachable
  return status >= 500 ? exitCodes.failed : exitCodes.refused
}

/** The exit code of a refusal that an answer describes by its error code. */
export function exitCodeOfRefusal(code: string | null, otherwise: ExitCode): ExitCode {
  return code === unavailableCode ? exitCodes.unreachable : otherwise
}

/** The error code of status 503. */
const unavailableCode: ErrorCode = 'SYS_002'

/** Compared by name: the error classes of settings and starts are in modules that most commands never load. */
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

/** The details of an error, such as its holder or failed checks: `deploymentId: ...`, `checks: quotas fail`. */
function detailLine(name: string, value: unknown): string[] {
  const isText = (each: unknown) => typeof each === 'string' || typeof each === 'number'
  if (isText(value)) return [`  ${plain(name)}: ${plain(String(value))}`]
  if (typeof value !== 'object' || value === null || !Object.values(value).every(isText)) return []
  const parts = Array.isArray(value) ? value : Object.entries(value).map(([part, text]) => `${part} ${text}`)
  return [`  ${plain(name)}: ${plain(parts.join(', '))}`]
}
