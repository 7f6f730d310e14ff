import { supportedCompatibilityDate, type WorkerOptions } from 'miniflare'
import { z } from 'zod'

/** `output`: a line of the Worker or of workerd. `exception`: an uncaught exception, reported by the tail Worker. */
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
 * The Worker that writes each uncaught exception of the Workers that name it in `tails`: workerd itself logs those of
 * requests only, without the stack, and none of alarms and `waitUntil`.
 * @param marker begins each of its lines; the apps must not know it, or they could forge exceptions
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
  // The modules of a Worker lie in `/`, which nobody has written.
  const lines = stack ? [stack.replaceAll('file:///', '')] : []
  return [`Uncaught ${name}: ${message}`, ...lines].join('\n')
}
