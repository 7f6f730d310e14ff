import { supportedCompatibilityDate, type WorkerOptions } from 'miniflare'
import { z } from 'zod'
import { prefixOf } from './lines.ts'

/** The name of the tail Worker of a Worker, inside Miniflare. */
export const tailName = (worker: string): string => `exceptions-${worker}`

const tailScript = `
export default {
  tail(events, env) {
    for (const { exceptions } of events) {
      for (const { name, message, stack } of exceptions) {
        console.error(env.PREFIX + JSON.stringify({ name, message, stack }))
      }
    }
  },
}`

/**
 * A tail Worker, which logs the uncaught exceptions of one version. workerd itself logs only those of requests, without
 * the stack, and none of alarms and `waitUntil`; its events do not name the Worker, so each version has a tail Worker.
 */
export const tailWorker = (worker: string, marker: string, versionId: string): WorkerOptions => ({
  name: tailName(worker),
  modules: true,
  script: tailScript,
  compatibilityDate: supportedCompatibilityDate,
  bindings: { PREFIX: prefixOf(marker, 'exception', versionId) },
})

const report = z.object({ name: z.string(), message: z.string(), stack: z.string().optional() })

/**
 * Reads the report of a tail Worker. @returns `Uncaught Name: message` and the stack below it; undefined for another
 * text, which a Worker may write that has found out how reports begin
 */
export function readException(text: string): string | undefined {
  const parsed = report.safeParse(parsedJson(text))
  if (!parsed.success) return undefined
  const { name, message, stack } = parsed.data
  // Stacks name modules as files in `/`, a path that is not part of the uploaded code.
  const lines = stack ? [stack.replaceAll('file:///', '')] : []
  return [`Uncaught ${name}: ${message}`, ...lines].join('\n')
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
