import pino from 'pino'
import { maskSecrets } from './redact.ts'

export type Logger = pino.Logger

/**
 * The only fields a log line may carry. Redaction is by allow-list: a field nobody thought of is left out
 * instead of leaking, and a new one is added here on purpose.
 */
const allowed = new Set([
  'account',
  'action',
  'address',
  'app',
  'attempt',
  'child',
  'code',
  'correlationId',
  'count',
  'cron',
  'delayMs',
  'delivery',
  'deploymentId',
  'durationMs',
  'environment',
  'err',
  'event',
  'exitCode',
  'fence',
  'host',
  'jobId',
  'lateMs',
  'line',
  'method',
  'name',
  'outcome',
  'path',
  'permission',
  'pid',
  'port',
  'principal',
  'process',
  'queue',
  'reason',
  'route',
  'script',
  'scriptId',
  'signal',
  'state',
  'status',
  'step',
  'stream',
  'url',
  'userId',
  'version',
  'worker',
])

/** A logger that writes JSON lines to standard output; values are masked, unknown fields dropped. */
export function createLogger(options: { level: string; process: string }): Logger {
  const logger = pino(
    {
      level: options.level,
      base: { process: options.process, pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }), log: allowListed },
      serializers: { err: serialiseError },
      hooks: {
        logMethod(args, method) {
          const said = [...args, ...messageOf(args)]
          method.apply(
            this,
            said.map((arg) => (typeof arg === 'string' ? maskSecrets(arg) : arg)) as typeof args,
          )
        },
      },
    },
    pino.destination({ fd: 1, sync: true }),
  )
  // The library's formatters pass over what a child logger is bound to. Children of children inherit this.
  const { child } = logger
  logger.child = function allowListedChild(this: Logger, bindings: pino.Bindings, options?: object) {
    return Reflect.apply(child, this, [allowListed(bindings), options])
  } as typeof child
  return logger
}

/** An error without a text of its own: pino would take the error's message for the line's, unmasked. */
function messageOf(args: unknown[]): string[] {
  if (args.length > 1) return []
  const [only] = args
  const error = only instanceof Error ? only : (only as { err?: unknown } | null)?.err
  return error instanceof Error ? [error.message] : []
}

function allowListed(fields: Record<string, unknown>): Record<string, unknown> {
  const kept: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(fields)) {
    if (!allowed.has(key)) continue
    kept[key] = typeof value === 'string' ? maskSecrets(value) : value
  }
  return kept
}

/** A driver's error may hold its query's values (`detail`, `where`, `parameters`): only these fields are kept. */
export function serialiseError(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { message: 'not an Error' }
  const { code } = error as { code?: unknown }
  return {
    type: error.name,
    message: maskSecrets(error.message).slice(0, 2000),
    stack: maskSecrets(error.stack ?? '').slice(0, 4000),
    ...(typeof code === 'string' ? { code } : {}),
    ...(error.cause instanceof Error ? { cause: serialiseError(error.cause) } : {}),
  }
}
