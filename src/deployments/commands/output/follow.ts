import type { ApiClient } from '../../../cli/api/client.ts'
import { followEvents } from '../../../cli/api/event-follower.ts'
import { type ExitCode, exitCodes, type Output } from '../../../cli/index.ts'
import { logData, type StatusAnswer, statusAnswer, stepData } from '../wire.ts'
import { outcomeLines } from './outcome-text.ts'
import { createStepLines } from './step-lines.ts'

const patienceMs = 60_000

interface FollowTo {
  out: Output
  /** What the document of `--json` says beside the final status. */
  extra?: object
  /** The endings that are no failure; by default that it is completed. */
  good?: StatusAnswer['status'][]
  /** What a deployment that is completed says, instead of how long it took. */
  completed?: string
  /** The number of the last event that is not shown. */
  after?: number
}

/** Shows a deployment from its first event to its last, and then how it ended. @returns the exit code of that. */
export async function followToEnd(
  client: ApiClient,
  id: string,
  { out, extra, good = ['completed'], completed, after }: FollowTo,
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
  for (const line of outcomeLines(final, { asked: isGood, completed })) out.say(line)
  out.document({ ...final, ...extra })
  return isGood ? exitCodes.done : exitCodes.failed
}

/** An event of a kind that is not known here belongs to a newer service, and is not for us. */
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
