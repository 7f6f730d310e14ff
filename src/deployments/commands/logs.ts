import type { Command } from 'commander'
import { z } from 'zod'
import { type CommandDeps, jsonOption, outputOf, plain, plainLines, wholeNumber } from '../../cli/index.ts'
import { appPath, resolveApp } from './apps.ts'
import { addEnvironmentOption, ifDeployedToBoth } from './environment-option.ts'

const logsAnswer = z
  .object({
    data: z.looseObject({
      logs: z.array(z.object({ time: z.string(), level: z.string(), text: z.string() })),
    }),
  })
  .transform(({ data }) => data)

interface LogsFlags {
  environment?: string
  limit: number
}

const logsHelp = `
The local cloud keeps the last 1,000 lines of each app in memory: they are lost when it restarts. Cloudflare keeps none;
for an app there, the command prints the wrangler command that shows new lines.`

/** Adds `logs APP`, which prints the log lines of an app and its uncaught exceptions. */
export function registerLogsCommand(program: Command, deps: CommandDeps): void {
  const logs = program.command('logs').argument('<app>', 'name of the app')
  addEnvironmentOption(logs, ifDeployedToBoth)
    .option('--limit <number>', 'maximum number of lines', wholeNumber(1, 1000), 200)
    .addOption(jsonOption())
    .description('show the last log lines and exceptions of an app on the local cloud')
    .addHelpText('after', logsHelp)
    .action(async (app: string, flags: LogsFlags, command: Command) => {
      const out = outputOf(deps, command)
      const client = await deps.client()
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
    })
}
