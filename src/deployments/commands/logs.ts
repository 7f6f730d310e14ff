import { setTimeout as pause } from 'node:timers/promises'
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

type LogLine = z.output<typeof logsAnswer>['logs'][number]

export interface LogsFlags {
  environment?: string
  limit: number
  /** Prints new lines until the command is interrupted. */
  follow?: boolean
}

/** Prints the last log lines of an app and its uncaught exceptions. */
export async function showLogs(
  client: ApiClient,
  { app, flags, out }: { app: string; flags: LogsFlags; out: Output },
): Promise<void> {
  const place = await resolveApp(client, app, flags.environment)
  const read = () => client.call(logsAnswer, { path: `${appPath(place)}/logs` })
  const answer = await read()
  const logs = answer.logs.slice(-flags.limit)
  if (flags.follow) {
    show(out, logs)
    return await follow(
      answer.logs,
      async () => (await read()).logs,
      (lines) => show(out, lines),
    )
  }
  const lines = logs.flatMap(linesOf)
  out.answer(lines.length === 0 ? [`${app} in ${place.environment} has written nothing`] : lines, {
    ...answer,
    logs,
  })
}

const pollMs = 1000

/** Shows the lines that are added to a log, until reading fails. @param seen the lines shown before */
export async function follow(
  seen: LogLine[],
  read: () => Promise<LogLine[]>,
  show: (lines: LogLine[]) => void,
  waitMs = pollMs,
): Promise<never> {
  let before = seen
  for (;;) {
    await pause(waitMs)
    const now = await read()
    show(added(before, now))
    before = now
  }
}

/** The lines of a log that an earlier copy of it lacks; the log drops its oldest lines. */
function added(before: LogLine[], now: LogLine[]): LogLine[] {
  const counts = new Map<string, number>()
  const keyOf = ({ time, level, text }: LogLine) => JSON.stringify([time, level, text])
  for (const line of before) counts.set(keyOf(line), (counts.get(keyOf(line)) ?? 0) + 1)
  return now.filter((line) => {
    const left = counts.get(keyOf(line)) ?? 0
    counts.set(keyOf(line), left - 1)
    return left <= 0
  })
}

function show(out: Output, lines: LogLine[]): void {
  for (const line of lines) {
    for (const text of linesOf(line)) out.say(text)
    out.document(line)
  }
}

function linesOf({ time, level, text }: LogLine): string[] {
  const [first, ...rest] = plainLines(text)
  return [`${plain(time)} ${plain(level).padEnd(5)} ${first}`, ...rest]
}
