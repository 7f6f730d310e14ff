import { randomUUID } from 'node:crypto'
import type { ApiClient } from '../../cli/api/client.ts'
import { type ExitCode, exitCodes, type Output, plain } from '../../cli/index.ts'
import { followJob } from './follow.ts'
import { promoteAnswer, yankAnswer } from './wire.ts'

const postRequest = (version: string, action: string, json: object) =>
  ({
    method: 'POST',
    path: `/releases/${encodeURIComponent(version)}/${action}`,
    json,
    headers: { 'Idempotency-Key': randomUUID() },
  }) as const

/** Moves a channel and waits until the pointer in the bucket is updated for programs that read the bucket directly. */
export async function promote(
  client: ApiClient,
  { version, channel }: { version: string; channel: string },
  out: Output,
): Promise<ExitCode> {
  const moved = await client.call(promoteAnswer, postRequest(version, 'promote', { channel }))
  const before = moved.previous === null ? '' : ` (previously ${plain(moved.previous)})`
  const exitCode = await followJob(client, moved.job_id, { out })
  out.answer([`${plain(moved.channel)} points to ${plain(moved.version)}${before}`], moved)
  return exitCode
}

/** Withdraws a version and waits until the affected channels' pointers in the bucket are updated. */
export async function yank(
  client: ApiClient,
  { version, reason }: { version: string; reason: string },
  out: Output,
): Promise<ExitCode> {
  const yanked = await client.call(yankAnswer, postRequest(version, 'yank', { reason }))
  let exitCode: ExitCode = exitCodes.done
  const lines = [`Withdrew ${plain(yanked.version)}: its downloads are refused`]
  for (const { channel, version, job_id } of yanked.channels) {
    const ended = await followJob(client, job_id, { out })
    if (ended !== exitCodes.done) exitCode = ended
    const where = version === null ? 'is empty: it has no previous version' : `returned to ${plain(version)}`
    lines.push(`${plain(channel)} ${where}`)
  }
  out.answer(lines, yanked)
  return exitCode
}
