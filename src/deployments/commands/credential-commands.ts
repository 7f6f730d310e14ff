import { type Command, Option } from 'commander'
import { readSecret } from '../../cli/commands/secret-input.ts'
import {
  addApiCommand,
  type CommandDeps,
  confirm,
  facts,
  listOption,
  requireTerminal,
  table,
} from '../../cli/index.ts'

type Environment = 'staging' | 'production'

const environmentArgument = { '<environment>': 'staging or production' }
const variable = 'CLOUDFLARE_API_TOKEN'
const tokenHelp = `asks for the API token, or takes ${variable} or standard input`

/** Adds `credentials show`, `set`, `remove`, `check`, `verify` and `github-token`. */
export function registerCredentialCommands(program: Command, deps: CommandDeps): void {
  const about = 'manage and check the credentials with which apps are deployed'
  const group = program.command('credentials').description(about)
  addStored(group, deps)
  addChecks(group, deps)
  addGitHub(group, deps)
}

/** A token of the shell, not of a `.env` of Capstan: that one is the service's own. */
const askToken = (deps: CommandDeps) => readSecret(deps, { what: 'Cloudflare API token', variable })

function addStored(group: Command, deps: CommandDeps): void {
  addApiCommand(
    group,
    deps,
    {
      name: 'show',
      about: 'show whether an environment has credentials, and from where',
      args: environmentArgument,
    },
    async ({ api, args, out }) => {
      const answer = await api.call('getStoredCredentials', { path: { environment: args[0] as Environment } })
      out.answer(storedLines(answer), answer)
    },
  )
  addApiCommand<{ account: string }>(
    group,
    deps,
    {
      name: 'set',
      about: `check and store the credentials of an environment; ${tokenHelp}`,
      args: environmentArgument,
      options: [accountOption()],
    },
    async ({ api, args, flags, out }) => {
      const body = { accountId: flags.account, cloudflareApiToken: await askToken(deps) }
      const path = { environment: args[0] as Environment }
      const answer = await api.call('storeCredentials', { path, body })
      out.answer([...storedLines(answer), ...inspectionLines(answer)], answer)
    },
  )
  addApiCommand<{ yes?: boolean }>(
    group,
    deps,
    {
      name: 'remove',
      about: 'delete the stored credentials of an environment',
      args: environmentArgument,
      options: [new Option('--yes', 'delete without confirmation; required without a terminal')],
    },
    async ({ api, args, flags, out }) => {
      const environment = args[0] as Environment
      if (!flags.yes) {
        requireTerminal(deps.prompt, 'whether to delete them')
        await confirm(deps.prompt, {
          text: `Delete the stored credentials of ${environment}? (y/n) `,
          subject: 'whether to delete them',
          declined: 'Nothing was deleted.',
        })
      }
      const answer = await api.call('deleteStoredCredentials', { path: { environment } })
      out.answer(['Deleted the stored credentials', ...storedLines(answer)], answer)
    },
  )
}

function addChecks(group: Command, deps: CommandDeps): void {
  addApiCommand<{ account: string }>(
    group,
    deps,
    {
      name: 'check',
      about: `check credentials for an environment without storing them; ${tokenHelp}`,
      args: environmentArgument,
      options: [accountOption()],
    },
    async ({ api, args, flags, out }) => {
      const credentials = { accountId: flags.account, cloudflareApiToken: await askToken(deps) }
      const environment = args[0] as Environment
      const answer = await api.call('validateCredentials', { body: { environment, credentials } })
      out.answer(inspectionLines(answer), answer)
    },
  )
  addApiCommand<{ scope?: string[] }>(
    group,
    deps,
    {
      name: 'verify',
      about: `show what a Cloudflare API token may do; ${tokenHelp}`,
      options: [listOption('--scope <scope>', 'scope that the token must have')],
    },
    async ({ api, flags, out }) => {
      const body = { apiToken: await askToken(deps), ...(flags.scope && { requiredScopes: flags.scope }) }
      const answer = await api.call('verifyCloudflareToken', { body })
      const required = answer.requiredScopes.map((each) => [each.scope, answerOf(each.granted)])
      const lines = facts([
        ['user', answer.user?.email],
        ['accounts', answer.accounts.map(({ id, name }) => (name === null ? id : `${name} (${id})`))],
        ['scopes', answer.scopes],
        ['not known', answer.unknown],
      ])
      out.answer(
        [...lines, ...(required.length === 0 ? [] : ['', ...table(['scope', 'granted'], required)])],
        answer,
      )
    },
  )
}

function addGitHub(group: Command, deps: CommandDeps): void {
  addApiCommand<{ permission: string[] }>(
    group,
    deps,
    {
      name: 'github-token',
      about: "create a token of the GitHub App's installation (prints the secret token)",
      args: { '<installation>': 'id of the installation' },
      options: [
        listOption(
          '--permission <name=level>',
          'permission of the token, like contents=read',
        ).makeOptionMandatory(),
      ],
    },
    async ({ api, args: [installationId = ''], flags, out }) => {
      const permissions = Object.fromEntries(flags.permission.map((each) => each.split('=', 2)))
      const answer = await api.call('createGitHubToken', { body: { installationId, permissions } })
      out.answer([answer.token], answer)
      out.warn(`It ends at ${answer.expiresAt}`)
    },
  )
}

const accountOption = () => new Option('--account <id>', 'id of the Cloudflare account').makeOptionMandatory()

const storedLines = (answer: {
  environment: string
  source: string | null
  updatedAt: string | null
}): string[] =>
  facts([
    ['environment', answer.environment],
    ['credentials', answer.source ?? 'none: capstan credentials set stores them'],
    ['updated', answer.updatedAt],
  ])

interface Inspection {
  permissions: Record<string, boolean | null>
  unknown: string[]
  accountInfo: { id: string; name: string | null; type: string }
}

const inspectionLines = ({ accountInfo, permissions, unknown }: Inspection): string[] =>
  facts([
    ['account', accountInfo.name === null ? accountInfo.id : `${accountInfo.name} (${accountInfo.id})`],
    ['plan', accountInfo.type],
    ...Object.entries(permissions).map(([name, granted]) => [name, answerOf(granted)] as const),
    ['not known', unknown],
  ])

const answerOf = (granted: boolean | null) => (granted === null ? 'not known' : granted ? 'yes' : 'no')
