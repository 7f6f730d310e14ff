import type { ApiClient } from '../../cli/api/client.ts'
import { followEvents } from '../../cli/api/event-follower.ts'
import { type ExitCode, exitCodes, type Output, type Progress, plain } from '../../cli/index.ts'
import { jobAnswer, progressData } from './wire.ts'

const patienceMs = 60_000

/** Follows a job until it ends and shows the progress of its verification. @returns the exit code for its result */
export async function followJob(
  client: ApiClient,
  id: string,
  { out, progress }: { out: Output; progress?: Progress },
): Promise<ExitCode> {
  const path = `/jobs/${encodeURIComponent(id)}`
  const onBreak = () => out.warn('note: connection lost, reconnecting')
  let verifying = false
  for await (const event of followEvents(client, `${path}/events`, { patienceMs, onBreak })) {
    const parsed = event.type === 'progress' ? progressData.safeParse(event.data) : undefined
    if (!parsed?.success || progress === undefined) continue
    const { phase, bytes = 0, total = 0 } = parsed.data
    if (phase === 'verify' && !verifying) progress.begin('Verifying in the store', total)
    if (phase === 'verify') progress.at(bytes)
    else if (verifying) progress.end('Verified in the store')
    verifying = phase === 'verify'
  }
  const job = await client.call(jobAnswer, { path, patienceMs })
  if (verifying) progress?.end(job.state === 'completed' ? 'Verified in the store' : 'Verification ended')
  if (job.state === 'completed') return exitCodes.done
  const code = job.error?.code === undefined ? '' : ` [${job.error.code}]`
  out.warn(`error: ${plain(job.error?.message ?? `the job ended as ${job.state}`)}${code}`)
  return exitCodes.failed
}
