import { z } from 'zod'
import type { ApiClient } from '../../cli/api/client.ts'
import { type Output, plain, plainLines } from '../../cli/index.ts'
import { appPath, resolveApp } from './apps.ts'

const logsAnswer = z
  .object({
    data: z.looseObject({
      logs: z.array(z.object({ time: z.string(), level: z.string(), text: z.string() })),
    }),
  })
  .transform(({ data }) => data)

export interface LogsFlags {
  environment?: string
  limit: number
}

/** Prints the last log lines of an app and its uncaught exceptions. */
export async function showLogs(
  client: ApiClient,
  { app, flags, out }: { app: string; flags: LogsFlags; out: Output },
): Promise<void> {
  const place = await resolveApp(client, app, flags.environment)
  const answer = await client.call(logsAnswer, { path: `${appPath(place)}/logs` })
  const logs = answer.logs.slice(-flags.limit)
  const lines = logs.flatMap(({ time, level, text }) => {
    const [first, ...rest] = plainLines(text)
    return [`${plain(time)} ${plain(level).padEnd(5)} ${first}`, ...rest]
  })
  out.answer(lines.length === 0 ? [`${app} in ${place.environment} has written nothing`] : lines, {
    ...answer,
    logs,
  })
}
