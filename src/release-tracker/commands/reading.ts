import { type Command, Option } from 'commander'
import type { components, InputOf } from '../../../client/src/index.ts'
import {
  addApiCommand,
  type CommandDeps,
  choiceOption,
  facts,
  numberOption,
  table,
  timeOption,
} from '../../cli/index.ts'

type Current = components['schemas']['CurrentRelease']
type Past = components['schemas']['PastRelease']

const clientOption = () => new Option('--client <name>', 'only of this client')
const envOption = () => new Option('--env <name>', 'only of this environment')
const limitOption = () => numberOption('--limit <number>', 'maximum number of releases', 1, 1000).default(100)
const formatOption = () =>
  choiceOption('--format <format>', 'csv prints a table for spreadsheets', ['json', 'csv']).default(
    'json',
    'a table for people',
  )
const imageOptions = () => [
  new Option('--namespace <name>', 'only in this namespace'),
  new Option('--image <reference>', 'only this image: a name, a repository, or with :TAG or @DIGEST'),
  new Option('--tag <tag>', 'only with this tag'),
  new Option('--digest <digest>', 'only with this digest'),
]

interface ImageFlags {
  namespace?: string
  image?: string
  tag?: string
  digest?: string
}

interface ReadFlags extends ImageFlags {
  client?: string
  env?: string
  kind?: string
  at?: string
  limit: number
  format: 'json' | 'csv'
}

/** Adds the commands of `tracker` that read: `environments`, `current`, `history`, `search` and `compare`. */
export function addReading(group: Command, deps: CommandDeps): void {
  addEnvironments(group, deps)
  addCurrent(group, deps)
  addHistory(group, deps)
  addComparison(group, deps)
}

function addEnvironments(group: Command, deps: CommandDeps): void {
  const about = 'list clients and environments with their last pings; on a master'
  addApiCommand(group, deps, { name: 'environments', about }, async ({ api, out }) => {
    const answer = await api.call('listClientEnvironments')
    const rows = Object.entries(answer.clients_environments).flatMap(([client, environments]) =>
      environments.map((env) => {
        const ping = answer.ping_statuses[client]?.[env]
        const { last_ping = null, slave_version = null } =
          ping !== undefined && 'last_ping' in ping ? ping : {}
        const waiting = answer.waiting_releases[client]?.[env]?.items ?? 0
        return [client, env, ping?.status ?? null, last_ping, slave_version, waiting]
      }),
    )
    out.answer(table(['client', 'environment', 'status', 'last ping', 'version', 'waiting'], rows), answer)
  })
  addApiCommand(
    group,
    deps,
    { name: 'config', about: 'show how the release tracker is set up' },
    async ({ api, out }) => {
      const answer = await api.call('getTrackerConfig')
      const lines = facts([
        ['mode', answer.mode],
        ['client', answer.client_name],
        ['environment', answer.env_name],
        ['may write', answer.api_key_type.is_admin],
        ['limited to client', answer.api_key_type.authenticated_client],
      ])
      out.answer(lines, answer)
    },
  )
}

function addCurrent(group: Command, deps: CommandDeps): void {
  addApiCommand<ReadFlags>(
    group,
    deps,
    {
      name: 'current',
      about: 'list what runs now, or ran at a time; a master needs --client and --env, or a filter',
      options: [
        ...[clientOption(), envOption(), ...imageOptions()],
        timeOption('--at <time>', 'what ran at this time', 'past'),
        ...[limitOption(), formatOption()],
      ],
    },
    async ({ api, flags, out, deps: { stdout } }) => {
      const { at, limit } = flags
      const query = { ...placeOf(flags), ...imageOf(flags), limit, ...(at && { at }) }
      if (flags.format === 'csv') {
        stdout.write(await api.text('listCurrentReleases', { query: { ...query, format: 'csv' } }))
        return
      }
      const answer = await api.call('listCurrentReleases', { query })
      const releases = answer.ordered_namespaces.flatMap((name) => answer.namespaces[name] ?? [])
      const rows = releases.map((each) => [
        ...[`${each.client_name}/${each.env_name}`, each.namespace],
        ...[`${each.workload_type} ${each.workload_name}`, each.container_name],
        ...[imageName(each), each.image_tag, shortDigest(each.image_sha), each.state, each.first_seen],
      ])
      const headings = [
        'environment',
        'namespace',
        'workload',
        'container',
        'image',
        'tag',
        'digest',
        'state',
        'since',
      ]
      out.answer(withTotal(table(headings, rows), rows.length, answer.total), answer)
    },
  )
}

function addHistory(group: Command, deps: CommandDeps): void {
  const kind = () => new Option('--kind <kind>', 'only of this kind of workload, like Deployment')
  addApiCommand<ReadFlags>(
    group,
    deps,
    {
      name: 'history',
      about: 'list what ran in one container, newest first',
      args: {
        '<client>': 'name of the client',
        '<env>': 'name of the environment',
        '<namespace>': 'namespace of the workload',
        '<workload>': 'name of the workload',
        '<container>': 'name of the container',
      },
      options: [...imageOptions().slice(1), kind(), limitOption(), formatOption()],
    },
    async ({ api, args, flags, out, deps: { stdout } }) => {
      const [client = '', env = '', namespace = '', workload = '', container = ''] = args
      const path = { client, env, namespace, workload, container }
      const query = { ...imageOf(flags), ...(flags.kind && { kind: flags.kind }), limit: flags.limit }
      if (flags.format === 'csv') {
        stdout.write(await api.text('getComponentHistory', { path, query: { ...query, format: 'csv' } }))
        return
      }
      const answer = await api.call('getComponentHistory', { path, query })
      const lines = table(pastHeadings, answer.releases.map(pastCells))
      out.answer(withTotal(lines, answer.releases.length, answer.total), answer)
    },
  )
  addApiCommand<ReadFlags>(
    group,
    deps,
    {
      name: 'search',
      about: 'find where and when an image ran: needs --namespace, --image, --tag or --digest',
      options: [clientOption(), envOption(), ...imageOptions(), kind(), limitOption(), formatOption()],
    },
    async ({ api, flags, out, deps: { stdout } }) => {
      const { kind: ofKind, limit } = flags
      const query = { ...placeOf(flags), ...imageOf(flags), limit, ...(ofKind && { kind: ofKind }) }
      if (flags.format === 'csv') {
        stdout.write(await api.text('searchReleaseHistory', { query: { ...query, format: 'csv' } }))
        return
      }
      const answer = await api.call('searchReleaseHistory', { query })
      const rows = answer.releases.map((each) => [
        ...[`${each.client_name}/${each.env_name}`, each.namespace, each.workload_name, each.container_name],
        ...pastCells(each),
      ])
      const headings = ['environment', 'namespace', 'workload', 'container', ...pastHeadings]
      out.answer(withTotal(table(headings, rows), rows.length, answer.total), answer)
    },
  )
}

interface CompareFlags {
  at?: string
  all?: boolean
  format: 'json' | 'csv'
}

function addComparison(group: Command, deps: CommandDeps): void {
  addApiCommand<CompareFlags>(
    group,
    deps,
    {
      name: 'compare',
      about: 'compare what runs in two environments',
      args: { '<left>': 'CLIENT/ENVIRONMENT', '<right>': 'CLIENT/ENVIRONMENT' },
      options: [
        timeOption('--at <time>', 'what ran at this time', 'past'),
        new Option('--all', 'containers that do not differ, too'),
        formatOption(),
      ],
    },
    async ({ api, args: [left = '', right = ''], flags, out, deps: { stdout } }) => {
      const query: InputOf<'compareEnvironments'>['query'] = {
        left,
        right,
        ...(flags.at && { at: flags.at }),
      }
      if (flags.format === 'csv') {
        stdout.write(await api.text('compareEnvironments', { query: { ...query, format: 'csv' } }))
        return
      }
      const answer = await api.call('compareEnvironments', { query })
      const kinds = [
        'different',
        'only_left',
        'only_right',
        ...(flags.all ? (['same'] as const) : []),
      ] as const
      const rows = kinds.flatMap((kind) =>
        answer[kind].map((each) => [
          ...[
            kind.replace('_', ' '),
            each.namespace,
            `${each.workload_kind} ${each.workload_name}`,
            each.container_name,
          ],
          ...[each.left?.image_tag ?? null, each.right?.image_tag ?? null],
        ]),
      )
      const { counts } = answer
      const sum = `${counts.different} different, ${counts.only_left} only left, ${counts.only_right} only right, ${counts.same} the same`
      out.answer([...table(['', 'namespace', 'workload', 'container', left, right], rows), sum], answer)
    },
  )
}

const placeOf = ({ client, env }: ReadFlags) => ({
  ...(client && { client_name: client }),
  ...(env && { env_name: env }),
})

const imageOf = ({ namespace, image, tag, digest }: ImageFlags) => ({
  ...(namespace && { namespace }),
  ...(image && { image }),
  ...(tag && { tag }),
  ...(digest && { digest }),
})

const pastHeadings = ['image', 'tag', 'digest', 'first seen', 'last seen', 'ended']
const pastCells = (each: Past) => [
  ...[imageName(each), each.image_tag, shortDigest(each.image_sha)],
  ...[each.first_seen, each.last_seen, each.ended_at],
]

const imageName = ({ image_repo, image_name }: Pick<Current, 'image_repo' | 'image_name'>) =>
  [image_repo, image_name].filter((part) => part !== '').join('/')
const shortDigest = (digest: string | null) => digest?.replace(/^sha256:/, '').slice(0, 12) ?? null

const withTotal = (lines: string[], shown: number, total: number) =>
  shown < total ? [...lines, `(${shown} of ${total}; see --limit)`] : lines
