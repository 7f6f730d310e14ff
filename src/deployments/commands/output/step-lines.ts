import { inCommandTerms, plain, plainLines } from '../../../cli/index.ts'
import type { StatusAnswer, StepData } from '../wire.ts'

/**
 * Formats the events of a deployment: one line for the start and the end of each step, and its log between them.
 * @param status reads the durations of steps. Events can arrive late, so the time of arrival does not give a duration;
 * if the read fails, the line has none.
 */
export function createStepLines(status: () => Promise<StatusAnswer>) {
  const durations = new Map<string, number>()
  let title = ''

  async function durationOf(step: string): Promise<number | undefined> {
    if (!durations.has(step)) {
      const answer = await status().catch(() => undefined)
      for (const done of answer?.completedSteps ?? []) durations.set(done.step, done.duration)
      const { step: current, startTime, endTime } = answer?.currentStep ?? {}
      if (current !== undefined && startTime && endTime) {
        durations.set(current, (Date.parse(endTime) - Date.parse(startTime)) / 1000)
      }
    }
    return durations.get(step)
  }

  return {
    async step({ step, name, status: state, skipped, attempt = 1 }: StepData): Promise<string[]> {
      title = plain(name)
      if (state === 'running') return [`> ${title}${attempt > 1 ? ` (attempt ${attempt})` : ''}`]
      if (skipped) return [`- ${title}: skipped`]
      const seconds = await durationOf(step)
      const took = seconds === undefined ? '' : `, ${formatSeconds(seconds)}`
      return [state === 'completed' ? `+ ${title}: done${took}` : `x ${title}: failed${took}`]
    },
    log({ level, message }: { level: string; message: string }): string[] {
      const [text = '', ...rest] = plainLines(message).map((line) => inCommandTerms(line))
      // A step's log begins with its title, which is already on the line of the step.
      if (text === title || text.startsWith(`${title} (attempt `)) return []
      return [
        `    ${level === 'info' ? '' : `${plain(level)}: `}${text}`,
        ...rest.map((line) => `    ${line}`),
      ]
    },
  }
}

/** `15 ms`, `1.4 s`, `12 s`, `3 min 5 s`. */
export function formatSeconds(seconds: number): string {
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`
  if (seconds < 10) return `${seconds.toFixed(1)} s`
  const whole = Math.round(seconds)
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`
}
