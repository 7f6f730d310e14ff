import { createRequire } from 'node:module'
import { isatty, WriteStream } from 'node:tty'
import pino from 'pino'
import type { prettyFactory } from 'pino-pretty'
import { truncate } from '../postgres/storable-text.ts'
import { errorCode, propertiesOf } from '../thrown.ts'
import { createLogRepetitions, repetitionKey } from './log-repetitions.ts'
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
  'aheadMs',
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

/**
 * A logger that writes to standard output: JSON lines, or text for people where that is a terminal; `format` decides
 * otherwise. Values are masked, unknown fields dropped. Lines below `warn`
 * are written together at the end of the event loop's turn, so that a busy process makes one write of many; what
 * comes from `warn` on is written at once, for the process may be dying; what repeats itself from there on is counted.
 */
export function createLogger(options: {
  level: string
  process: string
  format?: 'json' | 'pretty' | undefined
}): Logger {
  const repetitions = createLogRepetitions()
  // Before the output's own: what is counted is still to be written.
  process.on('exit', repetitions.flush)
  const pretty = (options.format ?? (isatty(1) ? 'pretty' : 'json')) === 'pretty'
  const output = turnOutput(pretty ? prettyLines() : (line) => line)
  const logger = pino(
    {
      level: options.level,
      base: { process: options.process, pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }), log: allowListed },
      serializers: { err: serialiseError },
      hooks: {
        logMethod(args, method, level) {
          const said = [...args, ...messageOf(args)].map((arg) =>
            typeof arg === 'string' ? maskSecrets(arg) : arg,
          ) as typeof args
          const write = (line: typeof args) => {
            method.apply(this, line)
            if (level >= warning) output.flush()
          }
          if (level < warning) return write(said)
          const { fields, text } = partsOf(said)
          const key = repetitionKey(level, { ...this.bindings(), ...fields }, text)
          const summarise = ({ count, seconds }: { count: number; seconds: number }) =>
            write([
              { ...fields, count },
              `${text} (repeated ${count} times in ${seconds} s)`,
            ] as unknown as typeof args)
          if (key === undefined || repetitions.isFirst(key, summarise)) write(said)
        },
      },
    },
    output,
  )
  // The library's formatters pass over what a child logger is bound to. Children of children inherit this.
  const { child } = logger
  logger.child = function allowListedChild(this: Logger, bindings: pino.Bindings, options?: object) {
    return Reflect.apply(child, this, [allowListed(bindings), options])
  } as typeof child
  return logger
}

const warning = 40
/** Characters; a turn that says more is written in pieces. */
const mostWaiting = 64 * 1024

/** Loaded only where it is used: most processes write to a file or a pipe. */
function prettyLines(): (line: string) => string {
  const library: { prettyFactory: typeof prettyFactory } = createRequire(import.meta.url)('pino-pretty')
  const format = library.prettyFactory({
    // As the terminal, NO_COLOR and FORCE_COLOR have it.
    colorize: process.stdout instanceof WriteStream && process.stdout.hasColors(),
    translateTime: 'SYS:HH:MM:ss.l',
    ignore: 'pid,process',
    messageFormat: '{process}: {msg}',
    singleLine: true,
  })
  return (line) => String(format(line))
}

/** Standard output that is written once a turn of the event loop, and before the process ends by itself. */
function turnOutput(format: (line: string) => string) {
  const destination = pino.destination({ fd: 1, sync: true })
  let waiting = ''
  const flush = () => {
    if (waiting === '') return
    const lines = waiting
    waiting = ''
    destination.write(lines)
  }
  // Also after an uncaught error, and whoever called `process.exit`.
  process.on('exit', flush)
  return {
    flush,
    write(line: string): void {
      if (waiting === '') setImmediate(flush)
      waiting += format(line)
      if (waiting.length > mostWaiting) flush()
    },
  }
}

/** The fields and the text of a line, however it was logged. */
function partsOf(args: unknown[]): { fields: Record<string, unknown>; text: string } {
  const [first, second] = args
  if (typeof first === 'string') return { fields: {}, text: first }
  const fields = first instanceof Error ? { err: first } : { ...(first as object | null) }
  return { fields, text: typeof second === 'string' ? second : '' }
}

/** An error without a text of its own: pino would take the error's message for the line's, unmasked. */
function messageOf(args: unknown[]): string[] {
  if (args.length > 1) return []
  const [only] = args
  const error = only instanceof Error ? only : propertiesOf(only).err
  return error instanceof Error ? [error.message] : []
}

function allowListed(fields: Record<string, unknown>): Record<string, unknown> {
  const kept: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(fields)) {
    if (!allowed.has(key)) continue
    // A route is a pattern of our own; its colons would make every pattern of secrets look at it.
    kept[key] = typeof value === 'string' && key !== 'route' ? maskSecrets(value) : value
  }
  return kept
}

/** A driver's error may hold its query's values (`detail`, `where`, `parameters`): only these fields are kept. */
export function serialiseError(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { message: 'not an Error' }
  const code = errorCode(error)
  return {
    type: error.name,
    message: truncate(maskSecrets(error.message), 2000),
    stack: truncate(maskSecrets(error.stack ?? ''), 4000),
    ...(typeof code === 'string' ? { code } : {}),
    ...(error.cause instanceof Error ? { cause: serialiseError(error.cause) } : {}),
  }
}
