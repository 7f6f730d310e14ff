import type { Command } from 'commander'
import { z } from 'zod'
import { type CommandDeps, jsonOption, outputOf, plain, plainLines, wholeNumber } from '../../cli/index.ts'
import { environment } from '../model/schema.ts'

const logsAnswer = z
  .object({
    data: z.looseObject({
      logs: z.array(z.object({ time: z.string(), level: z.string(), text: z.string() })),
    }),
  })
  .transform(({ data }) => data)

/** Adds `logs APP`: what an app wrote, with its uncaught exceptions. */
export function registerLogsCommand(program: Command, deps: CommandDeps): void {
  program
    .command('logs')
    .argument('<app>', 'name of the app')
    .option('--env <environment>', `${environment.options.join(' or ')}`, 'staging')
    .option('--limit <number>', 'maximum number of lines', wholeNumber(1, 1000), 200)
    .addOption(jsonOption())
    .description('show the last log lines and exceptions of an app on the local cloud')
    .action(async (app: string, flags: { env: string; limit: number }, command: Command) => {
      const out = outputOf(deps, command)
      const path = `/deploy/apps/${encodeURIComponent(app)}/${encodeURIComponent(flags.env)}/logs`
      const client = await deps.client()
      const answer = await client.call(logsAnswer, { path })
      const logs = answer.logs.slice(-flags.limit)
      const lines = logs.flatMap(({ time, level, text }) => {
        const [first, ...rest] = plainLines(text)
        return [`${plain(time)} ${plain(level).padEnd(5)} ${first}`, ...rest]
      })
      out.answer(lines.length === 0 ? [`${app} in ${flags.env} has written nothing`] : lines, {
        ...answer,
        logs,
      })
    })
}
