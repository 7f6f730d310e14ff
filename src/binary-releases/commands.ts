import { type Command, Option } from 'commander'
import { type CommandDeps, eachOne, jsonOption, outputOf, wholeNumber } from '../cli/index.ts'
import { channels } from './catalogue/metadata.ts'
import type { ListFlags } from './commands/list.ts'
import type { PublishFlags } from './commands/publish.ts'
import { addDrafts, addReleaseReading } from './commands/reading.ts'
import type { VerifyFlags } from './commands/verify.ts'

const channelOption = () => new Option('--channel <channel>', channels.join(' or ')).choices(channels)

/** Adds the commands of `release`. */
export function registerReleaseCommands(program: Command, deps: CommandDeps): void {
  // Without this, commander takes `--version` of a subcommand for the program's own option.
  program.enablePositionalOptions()
  const release = program
    .command('release')
    .description('publish, promote, withdraw, list and verify binary releases')
  addPublish(release, deps)
  addChannelCommands(release, deps)
  addReading(release, deps)
  addReleaseReading(release, deps, { channel: channelOption })
  addDrafts(release, deps)
}

function addPublish(release: Command, deps: CommandDeps): void {
  release
    .command('publish')
    .argument('<dir>', 'folder with one file per platform, named PREFIX-vVERSION-PLATFORM.tar.gz (.zip)')
    .description('upload, verify and publish a version; run it again to continue after an interruption')
    .requiredOption('--version <version>', 'YYYY.MM.DD, YYYY.MM.DD.N or a semantic version')
    .addOption(channelOption().default('stable'))
    .option('--notes <file>', 'file with the release notes')
    .option('--platform <name>', 'publish only this platform; may be repeated (default: all)', eachOne)
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
    .description('point a channel to a newer or older version')
    .addOption(channelOption().default('stable'))
    .addOption(jsonOption())
    .action(async (version: string, flags: { channel: string }, command: Command) => {
      const { promote } = await import('./commands/channels.ts')
      deps.exitWith(await promote(await deps.client(), { version, ...flags }, outputOf(deps, command)))
    })
  release
    .command('yank')
    .argument('<version>', 'a published version')
    .description('withdraw a version: downloads stop, channels return to their previous version')
    .requiredOption('--reason <text>', 'reason of the withdrawal, shown to users')
    .addOption(jsonOption())
    .action(async (version: string, flags: { reason: string }, command: Command) => {
      const { yank } = await import('./commands/channels.ts')
      deps.exitWith(await yank(await deps.client(), { version, ...flags }, outputOf(deps, command)))
    })
}

function addReading(release: Command, deps: CommandDeps): void {
  release
    .command('list')
    .description('list published versions, newest first')
    .addOption(channelOption())
    .option('--limit <number>', 'maximum number of versions', wholeNumber(1, 100), 20)
    .addOption(jsonOption())
    .action(async (flags: ListFlags, command: Command) => {
      const { listReleases } = await import('./commands/list.ts')
      await listReleases(await deps.client(), flags, outputOf(deps, command))
    })
  release
    .command('verify')
    .argument('<file>', 'a downloaded file')
    .description('verify the checksum of a file and the signature of its release')
    .option('--version <version>', 'version of the release (default: from the file name)')
    .option('--platform <name>', 'platform of the file (default: from the file name)')
    .option('--key <file>', 'public key (PEM) of the required signature, instead of the keys of the service')
    .addOption(jsonOption())
    .action(async (file: string, flags: VerifyFlags, command: Command) => {
      const { verifyFile } = await import('./commands/verify.ts')
      deps.exitWith(await verifyFile({ deps, out: outputOf(deps, command) }, file, flags))
    })
}
