import { type Command, Option } from 'commander'
import type { components } from '../../../client/src/index.ts'
import {
  addApiCommand,
  type CommandDeps,
  choiceOption,
  exitCodes,
  facts,
  plain,
  table,
  UsageFault,
} from '../../cli/index.ts'

const styles = ['flat', 'flat-square', 'plastic', 'for-the-badge', 'social'] as const

interface CreateFlags {
  env?: string
  namespace?: string
  workload?: string
  kind?: string
  container?: string
}

interface ShowFlags {
  label?: string
  namespace?: string
  svg?: boolean
  style?: (typeof styles)[number]
}

/** Adds `badges list`, `create`, `revoke` and `show`. */
export function registerBadgeCommands(program: Command, deps: CommandDeps): void {
  const group = program.command('badges').description('manage tokens of badges, and show badges')
  addTokens(group, deps)
  addShow(group, deps)
}

function addTokens(group: Command, deps: CommandDeps): void {
  addApiCommand<{ client?: string }>(
    group,
    deps,
    {
      name: 'list',
      about: 'list tokens of badges',
      options: [new Option('--client <name>', 'only of this client')],
    },
    async ({ api, flags, out }) => {
      const query = flags.client === undefined ? {} : { client_name: flags.client }
      const answer = await api.call('listBadgeTokens', { query })
      const rows = answer.tokens.map((each) => [each.id, each.client_name, scopeOf(each), each.created_at])
      out.answer(table(['id', 'client', 'for', 'created'], rows), answer)
    },
  )
  addApiCommand<CreateFlags>(
    group,
    deps,
    {
      name: 'create',
      about: 'create a token for the badges of a client, or of one of its containers; it is shown once',
      args: { '<client>': 'name of the client' },
      options: [
        new Option('--env <name>', 'environment of the container'),
        new Option('--kind <kind>', 'kind of its workload, like Deployment'),
        new Option('--workload <name>', 'name of its workload'),
        new Option('--container <name>', 'name of the container'),
        new Option('--namespace <name>', 'its namespace; default: any'),
      ],
    },
    async ({ api, args: [client_name = ''], flags, out, client }) => {
      const answer = await api.call('createBadgeToken', { body: bodyOf(client_name, flags) })
      const lines = facts([
        ['id', answer.id],
        ['for', `${client_name}: ${scopeOf(answer)}`],
        ['token', answer.token],
      ])
      const path = ['ENV', 'KIND', 'WORKLOAD', 'CONTAINER'].join('/')
      const address = `${client.url}/badges/${answer.token}/${encodeURIComponent(client_name)}/${path}`
      out.answer([...lines, '(shown only once)', `Badges are at ${address}`], answer)
    },
  )
  addApiCommand(
    group,
    deps,
    { name: 'revoke', about: 'revoke a token of badges', args: { '<id>': 'id of the token' } },
    async ({ api, args: [id = ''], out }) => {
      out.answer([`Revoked the token ${id}`], await api.call('revokeBadgeToken', { path: { id } }))
    },
  )
}

function addShow(group: Command, deps: CommandDeps): void {
  addApiCommand<ShowFlags>(
    group,
    deps,
    {
      name: 'show',
      about:
        'show what a badge says, or print it as SVG; asks for its token, or takes it from standard input',
      args: {
        '<client>': 'name of the client',
        '<env>': 'name of the environment',
        '<kind>': 'kind of the workload',
        '<workload>': 'name of the workload',
        '<container>': 'name of the container',
      },
      options: [
        new Option('--namespace <name>', 'namespace of the workload'),
        new Option('--label <text>', 'text of the left side'),
        new Option('--svg', 'print the image'),
        choiceOption('--style <style>', 'style of the image', styles),
      ],
    },
    async ({ api, args, flags, out }) => {
      const { readSecret } = await import('../../cli/commands/secret-input.ts')
      const [client = '', env = '', kind = '', workload = '', container = ''] = args
      const key = await readSecret(deps, { what: 'token of the badge' })
      const { svg, ...query } = flags
      const path = { key, client, env, kind, workload }
      if (svg) {
        deps.stdout.write(await api.text('getBadge', { path: { ...path, container }, query: queryOf(query) }))
        return
      }
      const answer = await api.call('getBadge', {
        path: { ...path, container: `${container}.json` },
        query: queryOf(query),
      })
      out.answer([`${answer.label}: ${answer.message}`].map(plain), answer)
      if (answer.isError) deps.exitWith(exitCodes.failed)
    },
  )
}

const queryOf = ({ label, namespace, style }: ShowFlags) => ({
  ...(label !== undefined && { label }),
  ...(namespace !== undefined && { namespace }),
  ...(style !== undefined && { style }),
})

/** @throws UsageFault for a container that is named only in part */
function bodyOf(client_name: string, flags: CreateFlags) {
  const { env, kind, workload, container, namespace } = flags
  if (Object.values(flags).every((value) => value === undefined)) return { client_name }
  if (env === undefined || kind === undefined || workload === undefined || container === undefined)
    throw new UsageFault('A container needs --env, --kind, --workload and --container')
  return {
    client_name,
    env_name: env,
    workload_kind: kind,
    workload_name: workload,
    container_name: container,
    ...(namespace !== undefined && { namespace }),
  }
}

const scopeOf = (token: components['schemas']['BadgeToken']) =>
  token.env_name === undefined
    ? 'all containers'
    : [
        token.env_name,
        token.namespace ?? '*',
        token.workload_kind,
        token.workload_name,
        token.container_name,
      ].join('/')
