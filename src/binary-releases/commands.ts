import { type Command, Option } from 'commander'
import { type CommandDeps, eachOne, jsonOption, outputOf, wholeNumber } from '../cli/index.ts'
import { channels } from './catalogue/metadata.ts'
import type { ListFlags } from './commands/list.ts'
import type { PublishFlags } from './commands/publish.ts'
import type { VerifyFlags } from './commands/verify.ts'

const channelOption = () => new Option('--channel <channel>', channels.join(' or ')).choices(channels)

/** Adds `release publish`, `promote`, `yank`, `list` and `verify`. */
export function registerReleaseCommands(program: Command, deps: CommandDeps): void {
  // Otherwise `--version` of a subcommand would be taken for the program's own.
  program.enablePositionalOptions()
  const release = program
    .command('release')
    .description('binary releases: publish, move channels, check files')
  addPublish(release, deps)
  addChannelCommands(release, deps)
  addReading(release, deps)
}

function addPublish(release: Command, deps: CommandDeps): void {
  release
    .command('publish')
    .argument(
      '<dir>',
      'the folder with one file for each platform, named PREFIX-vVERSION-PLATFORM.tar.gz (.zip)',
    )
    .description('upload, verify and publish a version; again after an interruption, it goes on')
    .requiredOption('--version <version>', 'YYYY.MM.DD, YYYY.MM.DD.N or a semantic version')
    .addOption(channelOption().default('stable'))
    .option('--notes <file>', 'release notes')
    .option('--platform <name>', 'only these platforms, may be repeated (default: all)', eachOne)
    .addOption(jsonOption())
    .action(async (dir: string, flags: PublishFlags, command: Command) => {
      const { publishFolder } = await import('./commands/publish.ts')
      deps.exitWith(await publishFolder({ deps, out: outputOf(deps, command) }, dir, flags))
    })
}

function addChannelCommands(release: Command, deps: CommandDeps): void {
  release
    .command('promote')
    .argument('<version>', 'a published version')
    .description('let a channel point to a version, forward or back')
    .addOption(channelOption().default('stable'))
    .addOption(jsonOption())
    .action(async (version: string, flags: { channel: string }, command: Command) => {
      const { promote } = await import('./commands/channels.ts')
      deps.exitWith(await promote(await deps.client(), { version, ...flags }, outputOf(deps, command)))
    })
  release
    .command('yank')
    .argument('<version>', 'a published version')
    .description('withdraw a version: no more downloads, channels fall back')
    .requiredOption('--reason <text>', 'what is wrong with it')
    .addOption(jsonOption())
    .action(async (version: string, flags: { reason: string }, command: Command) => {
      const { yank } = await import('./commands/channels.ts')
      deps.exitWith(await yank(await deps.client(), { version, ...flags }, outputOf(deps, command)))
    })
}

function addReading(release: Command, deps: CommandDeps): void {
  release
    .command('list')
    .description('published versions, newest first')
    .addOption(channelOption())
    .option('--limit <number>', 'at most so many', wholeNumber(1, 100), 20)
    .addOption(jsonOption())
    .action(async (flags: ListFlags, command: Command) => {
      const { listReleases } = await import('./commands/list.ts')
      await listReleases(await deps.client(), flags, outputOf(deps, command))
    })
  release
    .command('verify')
    .argument('<file>', 'a downloaded file')
    .description('check a file against its release, and the release against its signature')
    .option('--version <version>', 'of which release (default: by the file name)')
    .option('--platform <name>', 'for which platform (default: by the file name)')
    .option(
      '--key <file>',
      'a public key (PEM) that has to have signed it, instead of those the service names',
    )
    .addOption(jsonOption())
    .action(async (file: string, flags: VerifyFlags, command: Command) => {
      const { verifyFile } = await import('./commands/verify.ts')
      deps.exitWith(await verifyFile({ deps, out: outputOf(deps, command) }, file, flags))
    })
}
