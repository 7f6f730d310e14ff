import { type Command, Option } from 'commander'
import { isApiError } from '../../../client/src/errors.ts'
import { type CommandDeps, exitCodes, facts, plain } from '../index.ts'
import { addApiCommand } from './api-command.ts'

/** Adds `status`. */
export function registerStatusCommand(program: Command, deps: CommandDeps): void {
  const ready = new Option('--ready', 'only whether the process that answers can serve; for probes')
  addApiCommand<{ ready?: boolean }>(
    program,
    deps,
    {
      name: 'status',
      about: 'show which service commands use, and whether it works; exits with 1 if it does not',
      options: [ready],
    },
    async ({ api, client, flags, out }) => {
      if (flags.ready) {
        const answer = await api.call('getReadiness')
        const parts = [
          ['status', answer.status.replace('_', ' ')],
          ['database', answer.database],
          ['redis', answer.redis],
        ] as const
        out.answer(facts(parts), answer)
        return answer.status === 'ready' ? exitCodes.done : exitCodes.failed
      }
      const health = await api.call('getHealth')
      // The service may be healthy for everybody whose token is valid: that is part of what a user wants to know.
      const account = await api.call('getOwnAccount').catch((error: unknown) => {
        if (isApiError(error)) return error
        throw error
      })
      const user = isApiError(account) ? `not signed in: ${account.message}` : account.username
      const { waiting_releases: waiting } = health
      const lines = facts([
        ['service', `${client.url}${client.chosenBy === undefined ? '' : ` (${client.chosenBy})`}`],
        ['version', `${health.service} ${health.version}`],
        ['status', health.status],
        [
          'database',
          `${health.database}${health.database_error === undefined ? '' : `: ${health.database_error}`}`,
        ],
        ['queue', health.queue],
        ['release store', health.r2_connected ? 'healthy' : 'not reachable'],
        ['waiting releases', waiting?.items],
        ['user', user],
      ])
      const causes = health.causes.map(({ part, message }) => `warning: ${plain(part)}: ${plain(message)}`)
      const username = isApiError(account) ? null : account.username
      out.answer([...lines, ...causes], { url: client.url, username, ...health })
      if (isApiError(account)) out.warn('Sign in with capstan login, or set CAPSTAN_TOKEN')
      return health.status === 'unhealthy' || isApiError(account) ? exitCodes.failed : exitCodes.done
    },
  )
}
