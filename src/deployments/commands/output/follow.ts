import type { ApiClient } from '../../../cli/api/client.ts'
import { followEvents } from '../../../cli/api/event-follower.ts'
import { type ExitCode, exitCodes, type Output } from '../../../cli/index.ts'
import { logData, type StatusAnswer, statusAnswer, stepData } from '../wire.ts'
import { outcomeLines } from './outcome-text.ts'
import { createStepLines } from './step-lines.ts'

const patienceMs = 60_000

interface FollowOptions {
  out: Output
  /** Additional fields of the `--json` document, beside the final status. */
  extra?: object
  /** The final statuses that count as success; only `completed` by default. */
  good?: StatusAnswer['status'][]
  /** The text for a completed deployment, instead of its duration. */
  completed?: string
  /** The sequence number of the last event to skip. */
  after?: number
  /** Gets the lines for the end of the deployment. */
  onOutcome?: (lines: string[]) => void
}

/** Shows the events of a deployment to the last one, then its result. @returns the exit code for that result */
export async function followToEnd(
  client: ApiClient,
  id: string,
  { out, extra, good = ['completed'], completed, after, onOutcome }: FollowOptions,
): Promise<ExitCode> {
  const path = `/deploy/${encodeURIComponent(id)}`
  const status = () => client.call(statusAnswer, { path: `${path}/status`, patienceMs })
  const lines = createStepLines(() => client.call(statusAnswer, { path: `${path}/status` }))
  const onBreak = () => out.warn('note: the connection broke; connecting again')
  const options = { patienceMs, onBreak, ...(after === undefined ? {} : { after }) }
  for await (const event of followEvents(client, `${path}/logs`, options)) {
    for (const line of await linesOf(event, lines)) out.say(line)
  }
  const final = await status()
  const isGood = good.includes(final.status)
  const outcome = outcomeLines(final, { asked: isGood, completed })
  for (const line of outcome) out.say(line)
  onOutcome?.(outcome)
  out.document({ ...final, ...extra })
  return isGood ? exitCodes.done : exitCodes.failed
}

/** The lines of one event; none for an unknown type, which comes from a newer service. */
async function linesOf(
  event: { type: string; data: unknown },
  lines: ReturnType<typeof createStepLines>,
): Promise<string[]> {
  if (event.type === 'step') {
    const step = stepData.safeParse(event.data)
    return step.success ? lines.step(step.data) : []
  }
  const log = logData.safeParse(event.data)
  return event.type === 'message' && log.success ? lines.log(log.data) : []
}
