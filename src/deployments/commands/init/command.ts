import type { Command } from 'commander'
import { type CommandDeps, jsonOption, outputOf, withoutContext } from '../../../cli/index.ts'

/** Adds `init [DIR]`. */
export function registerInitCommand(program: Command, deps: CommandDeps): void {
  withoutContext(program.command('init'))
    .argument('[path]', 'an empty folder or a wrangler project (default: the current folder)')
    .description(
      'write a small Worker into an empty folder, or what Capstan needs to know about a wrangler project',
    )
    .option(
      '--app <name>',
      "the app's name (default: the name of the wrangler configuration, or the folder's)",
    )
    .addOption(jsonOption())
    .action(async (path: string | undefined, flags: { app?: string }, command: Command) => {
      const { initFolder } = await import('./init.ts')
      await initFolder(outputOf(deps, command), path ?? '.', flags)
    })
}
