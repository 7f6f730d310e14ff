import type { Command } from 'commander'
import { addApiCommand, type CommandDeps, facts, UsageFault } from '../../cli/index.ts'
import type { Permission } from '../../platform/auth.ts'
import { expiryOption, scopeOption, tokenTable } from './token-text.ts'

/** Adds `whoami`. */
export function registerWhoamiCommand(program: Command, deps: CommandDeps): void {
  const about = 'show the account, the permissions and the service that commands use'
  addApiCommand(program, deps, { name: 'whoami', about }, async ({ api, client, out }) => {
    const me = await api.call('getOwnAccount')
    const lines = facts([
      ['user', me.username],
      ['e-mail', me.email],
      ['administrator', me.is_admin],
      ['permissions', me.scopes ?? (me.is_admin ? 'all' : 'those of every user: all that read')],
      ['service', `${client.url}${client.chosenBy === undefined ? '' : ` (${client.chosenBy})`}`],
    ])
    out.answer(lines, { ...me, service: client.url })
  })
}

/** Adds `password`. */
export function registerPasswordCommand(program: Command, deps: CommandDeps): void {
  const about =
    'change the password of your account; asks for both, or takes CAPSTAN_PASSWORD and standard input'
  addApiCommand(program, deps, { name: 'password', about }, async ({ api, client, out }) => {
    const { readSecret } = await import('../../cli/commands/secret-input.ts')
    // Without a terminal there is one line of standard input: it is the new password.
    if (!deps.prompt.interactive && !deps.shellEnv.CAPSTAN_PASSWORD)
      throw new UsageFault('No terminal to ask for the current password: set CAPSTAN_PASSWORD')
    const service = client.url
    const variable = 'CAPSTAN_PASSWORD'
    const current = await readSecret(deps, { what: 'current password', service, variable })
    const replacement = await readSecret(deps, { what: 'new password', service, repeat: true })
    const body = { current_password: current, new_password: replacement }
    const { status, message } = await api.call('changeOwnPassword', { body })
    out.answer(['The password is changed'], { status, message })
  })
}

/** Adds `tokens list`, `tokens create` and `tokens revoke`, for the API tokens of the caller. */
export function registerTokenCommands(program: Command, deps: CommandDeps): void {
  const group = program.command('tokens').description('manage your API tokens')
  addApiCommand(group, deps, { name: 'list', about: 'list your API tokens' }, async ({ api, out }) => {
    const answer = await api.call('listTokens')
    out.answer(tokenTable(answer.tokens), answer)
  })
  addApiCommand<{ scope?: string[]; expires?: string }>(
    group,
    deps,
    {
      name: 'create',
      about: 'create an API token, which is shown once',
      args: { '<name>': 'what the token is for' },
      options: [scopeOption(), expiryOption()],
    },
    async ({ api, args: [name = ''], flags, out }) => {
      const scopes = flags.scope as Permission[] | undefined
      const body = { name, ...(scopes && { scopes }), ...(flags.expires && { expires_at: flags.expires }) }
      const answer = await api.call('createToken', { body })
      const shown = facts([
        ['id', answer.id],
        ['name', answer.name],
        ['permissions', answer.scopes ?? 'those of the account'],
        ['expires', answer.expires_at ?? 'never'],
      ])
      out.answer([...shown, `token  ${answer.token}`, '(shown only once)'], answer)
    },
  )
  addApiCommand(
    group,
    deps,
    { name: 'revoke', about: 'revoke an API token', args: { '<id>': 'id of the token' } },
    async ({ api, args: [id = ''], out }) => {
      out.answer([`Revoked the token ${id}`], await api.call('revokeToken', { path: { id } }))
    },
  )
}
