import { type Command, Option } from 'commander'
import { addApiCommand, type CommandDeps, facts, plain, timeOption } from '../../cli/index.ts'
import { addReading } from './reading.ts'

/** Adds the commands of `tracker`, for the versions that run in clusters. */
export function registerTrackerCommands(program: Command, deps: CommandDeps): void {
  const group = program.command('tracker').description('show and record which versions run in clusters')
  addReading(group, deps)
  addWatch(group, deps)
  addCollecting(group, deps)
}

function addWatch(group: Command, deps: CommandDeps): void {
  addApiCommand<{ client?: string }>(
    group,
    deps,
    {
      name: 'watch',
      about: 'print each new version of a client, until interrupted',
      options: [new Option('--client <name>', 'name of the client; needed on a master')],
    },
    async ({ api, flags, out }) => {
      const onBreak = () => out.warn('note: the connection broke; connecting again')
      const query = flags.client === undefined ? {} : { client: flags.client }
      for await (const event of api.events('watchReleases', { query, onBreak })) {
        out.say(lineOf(event))
        out.document({ id: event.id, event: event.type, ...event.data })
      }
    },
  )
}

function lineOf(event: { type: string; data: object }): string {
  const data: Record<string, unknown> = { ...event.data }
  const place = [data.client_name, data.env_name, data.namespace, data.workload_name, data.container_name]
  const where = plain(place.filter((part) => part !== undefined).join('/'))
  if (event.type === 'release')
    return `${String(data.first_seen)}  ${where}  ${plain(String(data.image_tag))}`
  if (event.type === 'removed')
    return `${String(data.last_seen)}  ${where}  no longer runs ${plain(String(data.image_tag))}`
  return `${String(data.last_ping ?? '')}  ${where}  ${plain(String(data.status ?? event.type))}`
}

interface RecordFlags {
  tag: string
  digest: string
  repo?: string
  image?: string
  client?: string
  env?: string
  releasedAt?: string
}

function addCollecting(group: Command, deps: CommandDeps): void {
  addApiCommand<{ wait: boolean }>(
    group,
    deps,
    {
      name: 'collect',
      about: 'collect the versions of the cluster now, and wait for the end',
      options: [new Option('--no-wait', 'only start the collection')],
    },
    async ({ api, flags, out, client }) => {
      const started = await api.call('startCollection')
      if (!flags.wait) {
        out.answer([`Started the collection; capstan jobs watch ${started.jobId} follows it`], started)
        return
      }
      const { followJob } = await import('../../cli/commands/follow-job.ts')
      return followJob(client, started.jobId, { out, what: 'The collection' })
    },
  )
  addApiCommand<RecordFlags>(
    group,
    deps,
    {
      name: 'record',
      about: 'record the version of a container by hand',
      args: {
        '<namespace>': 'namespace of the workload',
        '<kind>': 'kind of the workload, like Deployment',
        '<workload>': 'name of the workload',
        '<container>': 'name of the container',
      },
      options: [
        new Option('--tag <tag>', 'tag of the image').makeOptionMandatory(),
        new Option('--digest <digest>', 'digest of the image').makeOptionMandatory(),
        new Option('--repo <repository>', 'repository of the image'),
        new Option('--image <name>', 'name of the image'),
        new Option('--client <name>', 'name of the client; default: that of the service'),
        new Option('--env <name>', 'name of the environment; default: that of the service'),
        timeOption('--released-at <time>', 'begin; default: now', 'past'),
      ],
    },
    async ({ api, args: [namespace = '', kind = '', workload = '', container = ''], flags, out }) => {
      const { tag, digest, repo, image, client, env, releasedAt } = flags
      const body = {
        image_tag: tag,
        image_sha: digest,
        ...(repo !== undefined && { image_repo: repo }),
        ...(image !== undefined && { image_name: image }),
        ...(client !== undefined && { client_name: client }),
        ...(env !== undefined && { env_name: env }),
        ...(releasedAt !== undefined && { released_at: releasedAt }),
      }
      const answer = await api.call('recordRelease', { path: { namespace, kind, workload, container }, body })
      const { release } = answer
      const lines = facts([
        ['recorded', `${namespace}/${workload}/${container}`],
        ['image', `${release.image_repo}/${release.image_name}`],
        ['tag', release.image_tag],
        ['released', release.released_at],
      ])
      out.answer(lines, answer)
    },
  )
}
