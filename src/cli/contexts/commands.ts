import type { Command } from 'commander'
import { permissions } from '../../platform/auth.ts'
import { exitCodes } from '../faults.ts'
import {
  type CommandDeps,
  facts,
  jsonOption,
  listOption,
  outputOf,
  table,
  timeOption,
  withoutContext,
} from '../index.ts'
import type { LoginFlags } from './login.ts'
import { contextStore, localName } from './store.ts'

/** Adds `login`. */
export function registerLoginCommand(program: Command, deps: CommandDeps): void {
  withoutContext(program.command('login'))
    .argument('[url]', 'address of the service')
    .description(
      'sign in to a service and use it from now on; the token is kept in your configuration folder',
    )
    .option('--name <name>', 'name of the context; default: the host')
    .option('--username <name>', 'create a token with your password, instead of giving one')
    .addOption(
      listOption(
        '--scope <permission>',
        'permission of the created token; default: all of yours',
        permissions,
      ),
    )
    .addOption(timeOption('--expires <time>', 'end of the created token', 'future'))
    .addOption(jsonOption())
    .addHelpText(
      'after',
      '\nThe token, or the password with --username, is asked for, or read from the first\nline of standard input. It is never an argument: others could see it.',
    )
    .action(async (url: string | undefined, flags: LoginFlags, command: Command) => {
      const { login } = await import('./login.ts')
      await login({ deps, out: outputOf(deps, command) }, url, flags)
    })
}

/** Adds `logout`. */
export function registerLogoutCommand(program: Command, deps: CommandDeps): void {
  withoutContext(program.command('logout'))
    .argument('[name]', 'name of a context; default: the current one')
    .description('revoke the token that capstan login has created, and remove the context')
    .addOption(jsonOption())
    .action(async (name: string | undefined, _flags: unknown, command: Command) => {
      const { logout } = await import('./login.ts')
      const ended = await logout({ deps, out: outputOf(deps, command) }, name)
      if (!ended) deps.exitWith(exitCodes.failed)
    })
}

const contextHelp = `
The first match counts: CAPSTAN_URL of the shell, --context NAME, an installation
in DATA_DIR, the current context, CAPSTAN_URL of a .env, the service on this
machine (its name is ${localName}).
CAPSTAN_TOKEN takes the place of the token of the service that was found.`

/** Adds `context list`, `show`, `use` and `remove`. */
export function registerContextCommands(program: Command, deps: CommandDeps): void {
  const group = withoutContext(program.command('context'))
    .description('list and choose the services that you are signed in to')
    .addHelpText('after', contextHelp)
  group
    .command('list')
    .description('list the contexts; * marks the current one')
    .addOption(jsonOption())
    .action((_flags: unknown, command: Command) => {
      const store = contextStore(deps.env)
      const current = store.current() ?? localName
      const contexts = store.list().map(({ token: _token, tokenId: _id, ...each }) => each)
      const local = { name: localName, url: null, username: null }
      const all = [local, ...contexts]
      const rows = all.map((each) => [
        each.name === current ? '*' : '',
        each.name,
        each.url ?? 'the service on this machine',
        each.username ?? null,
      ])
      const document = {
        current,
        contexts: all.map(({ name, url, username = null }) => ({ name, url, username })),
      }
      outputOf(deps, command).answer(table(['', 'name', 'service', 'user'], rows), document)
    })
  group
    .command('show')
    .argument('[name]', 'name of a context; default: the current one')
    .description('show a context, without its token')
    .addOption(jsonOption())
    .action((given: string | undefined, _flags: unknown, command: Command) => {
      const store = contextStore(deps.env)
      const name = given ?? store.current() ?? localName
      const out = outputOf(deps, command)
      if (name === localName) {
        out.answer([`${localName}  the service on this machine`], { name, url: null, username: null })
        return
      }
      const { url, username = null } = store.get(name)
      const lines = facts([
        ['name', name],
        ['service', url],
        ['user', username],
        ['current', name === store.current()],
      ])
      out.answer(lines, { name, url, username })
    })
  group
    .command('use')
    .argument('<name>', `name of a context, or ${localName}`)
    .description('use a context from now on')
    .addOption(jsonOption())
    .action((name: string, _flags: unknown, command: Command) => {
      const store = contextStore(deps.env)
      const url = name === localName ? null : store.get(name).url
      store.use(name === localName ? undefined : name)
      outputOf(deps, command).answer([`Commands now use ${url ?? 'the service on this machine'}`], {
        name,
        url,
      })
    })
  group
    .command('remove')
    .argument('<name>', 'name of a context')
    .description('remove a context; its token stays valid, capstan logout NAME revokes it')
    .addOption(jsonOption())
    .action((name: string, _flags: unknown, command: Command) => {
      contextStore(deps.env).remove(name)
      outputOf(deps, command).answer([`Removed the context ${name}`], { name, removed: true })
    })
}
