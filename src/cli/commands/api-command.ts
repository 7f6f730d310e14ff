import type { Command, Option } from 'commander'
import type { CapstanClient } from '../../../client/src/index.ts'
import type { ApiClient } from '../api/client.ts'
import type { CommandDeps } from '../deps.ts'
import type { ExitCode } from '../faults.ts'
import { jsonOption } from '../options.ts'
import { createOutput, type Output } from '../output.ts'

interface ApiCommand {
  name: string
  about: string
  /** The arguments with their descriptions: `'<id>': 'id of the user'`. */
  args?: Record<string, string>
  options?: Option[]
}

/** What the action of a command gets. */
export interface ApiCall<Flags> {
  api: CapstanClient
  client: ApiClient
  /** The arguments, in their order; a repeatable one is one list. */
  args: string[]
  flags: Flags
  out: Output
  deps: CommandDeps
}

/** Adds a command that calls the API and prints its answer as lines for people, or as one document for `--json`. */
export function addApiCommand<Flags = Record<never, never>>(
  parent: Command,
  deps: CommandDeps,
  { name, about, args = {}, options = [] }: ApiCommand,
  action: (call: ApiCall<Flags>) => Promise<ExitCode | undefined> | Promise<void>,
): Command {
  const command = parent.command(name).description(about)
  for (const [argument, help] of Object.entries(args)) command.argument(argument, help)
  for (const option of options) command.addOption(option)
  command.addOption(jsonOption())
  return command.action(async (...given: unknown[]) => {
    // The two options that all commands have are not for the API.
    const { json, context: _context, ...flags } = command.opts()
    // The last two are the options and the command.
    const values = given
      .slice(0, -2)
      .flat()
      .filter((each) => each !== undefined) as string[]
    const out = createOutput(json === true, deps)
    const client = await deps.client()
    const exitCode = await action({ api: client.api, client, args: values, flags: flags as Flags, out, deps })
    if (typeof exitCode === 'number') deps.exitWith(exitCode)
  })
}
