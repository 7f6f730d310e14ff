import type { StepContext } from '../steps/context.ts'

const shownLines = 20

/** Logs what the Worker wrote during a failed check: usually the exception that is the cause. */
export async function showWorkerLog(
  { plan, target, signal, log }: StepContext,
  since: number,
): Promise<void> {
  const { script } = plan.config
  try {
    const lines = await target.logsOf(script, AbortSignal.any([signal, AbortSignal.timeout(3000)]))
    if (lines === undefined) return log.info(`To read the Worker's log, run: npx wrangler tail ${script}`)
    const recent = lines.filter(({ time }) => Date.parse(time) >= since)
    if (recent.length === 0) log.info('The Worker wrote nothing during the health check')
    for (const { level, text } of recent.slice(-shownLines)) log.warn(`Worker (${level}): ${text}`)
  } catch (error) {
    signal.throwIfAborted()
    // The health check has failed anyway; its error must not be replaced by this one.
    log.info(`Could not read the log of the Worker: ${error instanceof Error ? error.message : 'unknown'}`)
  }
}
