import { createRequire } from 'node:module'
import { isatty, WriteStream } from 'node:tty'
import pino from 'pino'
import type { prettyFactory } from 'pino-pretty'
import { truncate } from '../postgres/storable-text.ts'
import { errorCode, propertiesOf } from '../thrown.ts'
import { createLogRepetitions, repetitionKey } from './log-repetitions.ts'
import { maskSecrets } from './redact.ts'
import { sourceStack } from './source-positions.ts'

export type Logger = pino.Logger

/**
 * The fields that a log line may have. Redaction uses this allow-list, so that an unforeseen field is dropped and
 * cannot leak; a new field must be added here.
 */
const allowedFields = new Set([
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
 * A logger that writes to standard output: readable text on a terminal, JSON lines elsewhere, or as `format` requires.
 * Secrets are masked and unknown fields dropped. Lines below `warn` are written together at the end of the event loop's
 * turn, which saves writes in a busy process. Lines from `warn` on are written at once, since the process may be about
 * to die; their repetitions are counted and summarised.
 */
export function createLogger(options: {
  level: string
  process: string
  format?: 'json' | 'pretty' | undefined
}): Logger {
  const repetitions = createLogRepetitions()
  // Registered before the listener of the output, which then still writes the summaries.
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
          const masked = [...args, ...messageOf(args)].map((arg) =>
            typeof arg === 'string' ? maskSecrets(arg) : arg,
          ) as typeof args
          const write = (line: typeof args) => {
            method.apply(this, line)
            if (level >= warning) output.flush()
          }
          if (level < warning) return write(masked)
          const { fields, text } = partsOf(masked)
          const key = repetitionKey(level, { ...this.bindings(), ...fields }, text)
          const summarise = ({ count, seconds }: { count: number; seconds: number }) =>
            write([
              { ...fields, count },
              `${text} (repeated ${count} times in ${seconds} s)`,
            ] as unknown as typeof args)
          if (key === undefined || repetitions.isFirst(key, summarise)) write(masked)
        },
      },
    },
    output,
  )
  // The library's formatters skip the bindings of child loggers. Children of children inherit this method.
  const { child } = logger
  logger.child = function allowListedChild(this: Logger, bindings: pino.Bindings, options?: object) {
    return Reflect.apply(child, this, [allowListed(bindings), options])
  } as typeof child
  return logger
}

const warning = 40
/** The number of buffered characters after which lines are written before the turn ends. */
const maxBufferedChars = 64 * 1024

/** Formats lines as readable text. The library is loaded only here: most processes write to a file or a pipe. */
function prettyLines(): (line: string) => string {
  const library: { prettyFactory: typeof prettyFactory } = createRequire(import.meta.url)('pino-pretty')
  const format = library.prettyFactory({
    // `hasColors` also considers NO_COLOR and FORCE_COLOR.
    colorize: process.stdout instanceof WriteStream && process.stdout.hasColors(),
    translateTime: 'SYS:HH:MM:ss.l',
    ignore: 'pid,process',
    messageFormat: '{process}: {msg}',
    singleLine: true,
  })
  return (line) => String(format(line))
}

/** Standard output, written once per turn of the event loop and before the process exits. */
function turnOutput(format: (line: string) => string) {
  const destination = pino.destination({ fd: 1, sync: true })
  let waiting = ''
  const flush = () => {
    if (waiting === '') return
    const lines = waiting
    waiting = ''
    destination.write(lines)
  }
  // `exit` also occurs after an uncaught error and after `process.exit`.
  process.on('exit', flush)
  return {
    flush,
    write(line: string): void {
      if (waiting === '') setImmediate(flush)
      waiting += format(line)
      if (waiting.length > maxBufferedChars) flush()
    },
  }
}

/** The fields and the text of a log call in any of its forms. */
function partsOf(args: unknown[]): { fields: Record<string, unknown>; text: string } {
  const [first, second] = args
  if (typeof first === 'string') return { fields: {}, text: first }
  const fields = first instanceof Error ? { err: first } : { ...(first as object | null) }
  return { fields, text: typeof second === 'string' ? second : '' }
}

/** The message of an error that is logged without a text; pino would use it as the line's text, unmasked. */
function messageOf(args: unknown[]): string[] {
  if (args.length > 1) return []
  const [only] = args
  const error = only instanceof Error ? only : propertiesOf(only).err
  return error instanceof Error ? [error.message] : []
}

function allowListed(fields: Record<string, unknown>): Record<string, unknown> {
  const kept: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(fields)) {
    if (!allowedFields.has(key)) continue
    // A route is a constant pattern without secrets; its colons would make every pattern of secrets scan it.
    kept[key] = typeof value === 'string' && key !== 'route' ? maskSecrets(value) : value
  }
  return kept
}

/**
 * Keeps only these fields of an error: a driver's error may hold its query's values (`detail`, `where`, `parameters`).
 */
export function serialiseError(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { message: 'not an Error' }
  const code = errorCode(error)
  return {
    type: error.name,
    message: truncate(maskSecrets(error.message), 2000),
    stack: truncate(maskSecrets(sourceStack(error.stack ?? '')), 4000),
    ...(typeof code === 'string' ? { code } : {}),
    ...(error.cause instanceof Error ? { cause: serialiseError(error.cause) } : {}),
  }
}
