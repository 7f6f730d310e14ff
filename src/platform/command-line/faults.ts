import { CommanderError } from 'commander'
import { ApiError, Unreachable } from './api-client.ts'
import { plain } from './output.ts'

/**
 * How a command ends, for scripts: what was asked for happened; it was tried and did not; it was refused or asked for
 * wrongly, and nothing was changed; nobody could be asked.
 */
export const exitCodes = { done: 0, failed: 1, refused: 2, unreachable: 3 } as const
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

export function explain(error: unknown): Explained {
  if (error instanceof ApiError) {
    return { lines: refusalLines(error), json: error.envelope, exitCode: exitCodes.refused }
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
  return { lines: [`error: ${plain(message)}`], json: { error: { code, message } }, exitCode }
}

/** By name: the classes of faulty settings and starts come with modules that most commands never load. */
function isUsage(error: unknown): boolean {
  return error instanceof Error && ['UsageFault', 'ConfigError', 'StartFault'].includes(error.name)
}

function refusalLines({ envelope: { error } }: ApiError): string[] {
  const { fields, correlationId, timestamp: _, ...others } = error.details
  return [
    `error: ${plain(error.message)} [${error.code}]`,
    ...fields.map(({ path, problem }) => `  ${plain(path)}: ${plain(problem)}`),
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
