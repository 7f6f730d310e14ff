import { supportedCompatibilityDate, type WorkerOptions } from 'miniflare'
import { z } from 'zod'

/** `output`: written by the Worker or by workerd. `exception`: an uncaught exception, reported by the tail Worker. */
export type LineOrigin = 'output' | 'exception'

/** Receives one line, which may contain line breaks. */
export type OnLine = (level: string, text: string, origin: LineOrigin) => void

/** The name of the tail Worker inside Miniflare. */
export const tailName = 'exceptions'

const tailScript = `
export default {
  tail(events, env) {
    for (const { exceptions } of events) {
      for (const { name, message, stack } of exceptions) {
        console.error(env.MARKER + JSON.stringify({ name, message, stack }))
      }
    }
  },
}`

/**
 * The tail Worker, which logs the uncaught exceptions of all Workers that list it in `tails`. workerd itself logs only
 * those of requests, without the stack, and none of alarms and `waitUntil`.
 * @param marker the beginning of its lines; secret, because apps could forge exceptions with it
 */
export const tailWorker = (marker: string): WorkerOptions => ({
  name: tailName,
  modules: true,
  script: tailScript,
  compatibilityDate: supportedCompatibilityDate,
  bindings: { MARKER: marker },
})

const report = z.object({ name: z.string(), message: z.string(), stack: z.string().optional() })

/**
 * Reads a line of the tail Worker.
 * @returns `Uncaught Name: message` and the stack below it; undefined for any other line
 */
export function readException(line: string, marker: string): string | undefined {
  if (!line.startsWith(marker)) return undefined
  const { name, message, stack } = report.parse(JSON.parse(line.slice(marker.length)))
  // Stacks name modules as files in `/`, a path that is not part of the uploaded code.
  const lines = stack ? [stack.replaceAll('file:///', '')] : []
  return [`Uncaught ${name}: ${message}`, ...lines].join('\n')
}
