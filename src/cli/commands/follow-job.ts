import type { ApiClient } from '../api/client.ts'
import { type ExitCode, exitCodes } from '../faults.ts'
import { type Output, plain } from '../output.ts'

/**
 * Follows a job to its end, and prints each change of its state.
 * @param options.what the subject of the last line: `The collection`
 * @returns the exit code for its result
 */
export async function followJob(
  { api }: ApiClient,
  id: string,
  { out, what = 'The job' }: { out: Output; what?: string },
): Promise<ExitCode> {
  const onBreak = () => out.warn('note: the connection broke; connecting again')
  for await (const event of api.events('watchJob', { path: { id }, onBreak })) {
    if (event.type === 'state' || event.type === 'end-of-attempt') {
      const { state, attempt, error } = event.data
      const reason = error == null ? '' : `: ${plain(error.message)} [${plain(error.code)}]`
      out.say(`${state} (attempt ${attempt})${reason}`)
    } else if (event.type === 'progress') out.say(`progress: ${plain(JSON.stringify(event.data))}`)
  }
  const job = await api.call('getJob', { path: { id }, patienceMs: 60_000 })
  const { state, error } = job
  const reason = error === null ? '' : `: ${plain(error.message)} [${plain(error.code)}]`
  out.answer([`${what} is ${state}${reason}`], job)
  return state === 'completed' ? exitCodes.done : exitCodes.failed
}
