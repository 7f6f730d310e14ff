import { type Command, Option } from 'commander'
import type { CapstanClient, components } from '../../../client/src/index.ts'
import {
  addApiCommand,
  type CommandDeps,
  choiceOption,
  facts,
  numberOption,
  table,
  UsageFault,
} from '../../cli/index.ts'
import { tokenTable } from './token-text.ts'

type User = components['schemas']['User']

const oneUser = { '<user>': 'id or name of the user' }
const limits = () => [
  numberOption('--rate <number>', 'requests per second', 1, 1_000_000),
  numberOption('--burst <number>', 'requests at once', 1, 1_000_000),
]

/** Adds `users list`, `show`, `add`, `edit`, `remove`, `tokens` and `revoke-token`, which need `accounts:admin`. */
export function registerUserCommands(program: Command, deps: CommandDeps): void {
  const group = program.command('users').description('manage users and their API tokens; for administrators')
  addReading(group, deps)
  addChanges(group, deps)
  addTokens(group, deps)
}

function addReading(group: Command, deps: CommandDeps): void {
  addApiCommand<{ state?: 'active' | 'inactive'; limit: number }>(
    group,
    deps,
    {
      name: 'list',
      about: 'list users',
      options: [
        choiceOption('--state <state>', 'only active or inactive users', ['active', 'inactive']),
        numberOption('--limit <number>', 'maximum number of users', 1, 100).default(50),
      ],
    },
    async ({ api, flags, out }) => {
      const isActive =
        flags.state === undefined ? {} : ({ is_active: flags.state === 'active' ? 'true' : 'false' } as const)
      const answer = await api.call('listUsers', { query: { limit: String(flags.limit), ...isActive } })
      const rows = answer.users.map((each) => [
        each.id,
        each.username,
        each.email,
        roleOf(each),
        each.created_at,
      ])
      const lines = table(['id', 'name', 'e-mail', 'role', 'created'], rows)
      if (answer.total > rows.length) lines.push(`(${rows.length} of ${answer.total})`)
      out.answer(lines, answer)
    },
  )
  addApiCommand(
    group,
    deps,
    { name: 'show', about: 'show a user', args: oneUser },
    async ({ api, args, out }) => {
      const user = await findUser(api, args[0])
      out.answer(userLines(user), user)
    },
  )
}

interface UserFlags {
  email?: string
  name?: string
  admin?: boolean
  state?: 'active' | 'inactive'
  setPassword?: boolean
  rate?: number
  burst?: number
}

function addChanges(group: Command, deps: CommandDeps): void {
  const email = (about: string) => new Option('--email <address>', about)
  addApiCommand<UserFlags>(
    group,
    deps,
    {
      name: 'add',
      about: 'create a user; asks for the password, or takes CAPSTAN_PASSWORD or standard input',
      args: { '<name>': 'user name' },
      options: [
        email('e-mail address').makeOptionMandatory(),
        new Option('--admin', 'make the user an administrator'),
        ...limits(),
      ],
    },
    async ({ api, args: [username = ''], flags, out }) => {
      const { readSecret } = await import('../../cli/commands/secret-input.ts')
      const secret = { what: 'password of the user', variable: 'CAPSTAN_PASSWORD', repeat: true }
      const password = await readSecret(deps, secret)
      const body = {
        username,
        password,
        email: flags.email ?? '',
        is_admin: flags.admin === true,
        ...limitsOf(flags),
      }
      const user = await api.call('createUser', { body })
      out.answer([`Created the user ${username}`, ...userLines(user)], user)
    },
  )
  addApiCommand<UserFlags>(
    group,
    deps,
    {
      name: 'edit',
      about: 'change a user',
      args: oneUser,
      options: [
        new Option('--name <name>', 'new user name'),
        email('new e-mail address'),
        new Option('--admin', 'make the user an administrator'),
        new Option('--no-admin', 'make the user an ordinary one'),
        choiceOption('--state <state>', 'active, or inactive: the user can no longer sign in', [
          'active',
          'inactive',
        ]),
        new Option('--set-password', 'ask for a new password, or take CAPSTAN_PASSWORD or standard input'),
        ...limits(),
      ],
    },
    async ({ api, args, flags, out }) => {
      const { id } = await findUser(api, args[0])
      const { name, email: address, admin, state } = flags
      const body = {
        ...(name !== undefined && { username: name }),
        ...(address !== undefined && { email: address }),
        ...(admin !== undefined && { is_admin: admin }),
        ...(state !== undefined && { is_active: state === 'active' }),
        ...(flags.setPassword && { password: await askPassword(deps) }),
        ...limitsOf(flags),
      }
      if (Object.keys(body).length === 0)
        throw new UsageFault('Say what to change; capstan users edit --help lists it')
      const user = await api.call('updateUser', { path: { id }, body })
      out.answer([`Changed the user ${user.username}`, ...userLines(user)], user)
    },
  )
  addApiCommand(
    group,
    deps,
    { name: 'remove', about: 'deactivate a user and end its sessions; the account stays', args: oneUser },
    async ({ api, args, out }) => {
      const { id, username } = await findUser(api, args[0])
      out.answer([`Deactivated the user ${username}`], await api.call('deactivateUser', { path: { id } }))
    },
  )
}

function addTokens(group: Command, deps: CommandDeps): void {
  const about = 'list the API tokens of a user'
  addApiCommand(group, deps, { name: 'tokens', about, args: oneUser }, async ({ api, args, out }) => {
    const { id } = await findUser(api, args[0])
    const answer = await api.call('listUserTokens', { path: { id } })
    out.answer(tokenTable(answer.tokens), answer)
  })
  const args = { ...oneUser, '<token>': 'id of the token' }
  addApiCommand(
    group,
    deps,
    { name: 'revoke-token', about: 'revoke an API token of a user', args },
    async ({ api, args: [user, token = ''], out }) => {
      const { id } = await findUser(api, user)
      const answer = await api.call('revokeUserToken', { path: { id, token } })
      out.answer([`Revoked the token ${token}`], answer)
    },
  )
}

async function askPassword(deps: CommandDeps): Promise<string> {
  const { readSecret } = await import('../../cli/commands/secret-input.ts')
  return readSecret(deps, { what: 'new password', variable: 'CAPSTAN_PASSWORD', repeat: true })
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/** Finds a user by id or by name. @throws UsageFault if no user has the name */
async function findUser(api: CapstanClient, user = ''): Promise<User> {
  if (uuid.test(user)) return api.call('getUser', { path: { id: user } })
  for await (const each of api.items('listUsers', 'users', { query: { limit: '100' } }))
    if (each.username === user) return each
  throw new UsageFault(`No user is called ${user}; capstan users list shows them`)
}

const roleOf = ({ is_active, is_admin }: User) =>
  is_active ? (is_admin ? 'administrator' : 'user') : is_admin ? 'inactive administrator' : 'inactive'

const userLines = (user: User): string[] =>
  facts([
    ['id', user.id],
    ['name', user.username],
    ['e-mail', user.email],
    ['role', roleOf(user)],
    ['rate limit', `${user.rate_limit_per_second}/s, ${user.rate_limit_burst} at once`],
    ['created', user.created_at],
    ['updated', user.updated_at],
  ])

const limitsOf = ({ rate, burst }: UserFlags) => ({
  ...(rate !== undefined && { rate_limit_per_second: rate }),
  ...(burst !== undefined && { rate_limit_burst: burst }),
})
