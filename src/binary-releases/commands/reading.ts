import type { Command, Option } from 'commander'
import { addApiCommand, type CommandDeps, facts, plainLines, table } from '../../cli/index.ts'

const oneVersion = { '<version>': 'a version' }

interface ReadingOptions {
  channel(): Option
}

/** Adds the commands of `release` that only read: `latest`, `show`, `updates`, `keys`, `signature`, `downloads`, `link`. */
export function addReleaseReading(release: Command, deps: CommandDeps, { channel }: ReadingOptions): void {
  addMetadata(release, deps, channel)
  addTrust(release, deps)
}

function addMetadata(release: Command, deps: CommandDeps, channel: () => Option): void {
  addApiCommand<{ channel: 'stable' | 'beta' }>(
    release,
    deps,
    {
      name: 'latest',
      about: 'show the version that a channel points to',
      options: [channel().default('stable')],
    },
    async ({ api, flags, out }) => {
      const answer = await api.call('getLatestRelease', { query: flags })
      out.answer(metadataLines(answer), answer)
    },
  )
  addApiCommand(
    release,
    deps,
    { name: 'show', about: 'show a published version', args: oneVersion },
    async ({ api, args: [version = ''], out }) => {
      const answer = await api.call('getRelease', { path: { version } })
      out.answer(metadataLines(answer), answer)
    },
  )
  addApiCommand<{ channel: 'stable' | 'beta' }>(
    release,
    deps,
    {
      name: 'updates',
      about: 'show whether there is a newer version than the current one',
      args: { '<current>': 'the current version', '<platform>': 'name of the platform' },
      options: [channel().default('stable')],
    },
    async ({ api, args: [current = '', platform = ''], flags, out }) => {
      const { body, headers } = await api.answer('findUpdate', { query: { ...flags, current, platform } })
      const reason = headers.get('x-update-reason')
      if (body === undefined) {
        out.answer([`No update${reason === null ? '' : `: ${reason.replaceAll('_', ' ')}`}`], {
          update: null,
          reason,
        })
        return
      }
      const lines = facts([
        ['version', body.version],
        ['channel', body.channel],
        ['released', body.released_at],
        ['platform', body.platform],
        ['SHA-256', body.sha256],
      ])
      out.answer(lines, { update: body, reason: null })
    },
  )
}

function addTrust(release: Command, deps: CommandDeps): void {
  addApiCommand(
    release,
    deps,
    { name: 'keys', about: 'list the keys that sign releases' },
    async ({ api, out }) => {
      const answer = await api.call('listSigningKeys')
      const lines = answer.keys.flatMap((key) => [
        `${key.key_id}  ${key.algorithm}${key.current ? '  current' : ''}${key.revoked ? '  revoked' : ''}`,
        ...key.public_key.trim().split('\n'),
      ])
      out.answer(lines, answer)
    },
  )
  addApiCommand(
    release,
    deps,
    { name: 'signature', about: 'show the signature of a version', args: oneVersion },
    async ({ api, args: [version = ''], out }) => {
      const answer = await api.call('getReleaseSignature', { path: { version } })
      const lines = facts([
        ['version', answer.version],
        ['key', answer.key_id],
        ['algorithm', answer.algorithm],
        ['signature', answer.signature],
      ])
      out.answer(lines, answer)
    },
  )
  addApiCommand(
    release,
    deps,
    {
      name: 'downloads',
      about: 'count the download links that were given out for a version',
      args: oneVersion,
    },
    async ({ api, args: [version = ''], out }) => {
      const answer = await api.call('countReleaseDownloads', { path: { version } })
      out.answer(table(['platform', 'links'], Object.entries(answer.links)), answer)
    },
  )
  addApiCommand(
    release,
    deps,
    {
      name: 'link',
      about: 'print a link that downloads a file; it expires',
      args: { ...oneVersion, '<platform>': 'name of the platform' },
    },
    async ({ api, args: [version = '', platform = ''], out }) => {
      const answer = await api.call('getDownloadLink', { path: { version, platform } })
      out.answer([answer.download_url], answer)
      out.warn(
        `${answer.filename}, ${answer.size} bytes, SHA-256 ${answer.sha256}; the link ends at ${answer.expires_at}`,
      )
    },
  )
}

interface Metadata {
  version: string
  channel: string
  released_at: string
  platforms: Record<string, string>
  yanked?: { at: string; reason: string } | undefined
}

function metadataLines({ version, channel, released_at, platforms, yanked }: Metadata): string[] {
  return [
    ...facts([
      ['version', version],
      ['channel', channel],
      ['released', released_at],
      ['withdrawn', yanked && `${yanked.at}: ${yanked.reason}`],
    ]),
    '',
    ...table(['platform', 'SHA-256'], Object.entries(platforms)),
  ]
}

/** Adds `release draft` and `release discard`, for a version that is not published yet. */
export function addDrafts(release: Command, deps: CommandDeps): void {
  addApiCommand(
    release,
    deps,
    { name: 'draft', about: 'show a version that is not published yet, with its files', args: oneVersion },
    async ({ api, args: [version = ''], out }) => {
      const answer = await api.call('getDraft', { path: { version } })
      const { error, notes } = answer
      const lines = facts([
        ['version', answer.version],
        ['channel', answer.channel],
        ['state', answer.state],
        ['created', answer.created_at],
        ['job', answer.job_id],
        ['error', error && `${error.message} [${error.code}]`],
      ])
      const files = answer.files.map((each) => [each.platform, each.filename, each.state, each.size])
      const text = notes === null ? [] : ['', ...plainLines(notes)]
      out.answer([...lines, ...text, '', ...table(['platform', 'file', 'state', 'bytes'], files)], answer)
    },
  )
  addApiCommand(
    release,
    deps,
    {
      name: 'discard',
      about: 'discard a version that is not published yet, with its files',
      args: oneVersion,
    },
    async ({ api, args: [version = ''], out }) => {
      out.answer([`Discarded ${version}`], await api.call('discardDraft', { path: { version } }))
    },
  )
}
