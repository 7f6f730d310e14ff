import { type Command, Option } from 'commander'
import type { Knex } from 'knex'
import type { z } from 'zod'
import { type Prompt, UsageFault, withoutContext } from '../cli/index.ts'
import { terminalPrompt } from '../cli/prompt.ts'
import type { PlatformConfig } from '../platform/config/index.ts'
import type { Secrets } from '../platform/secrets.ts'
import { email, password, passwordLength, username } from './schema.ts'

interface CommandContext {
  db: Knex
  secrets: Secrets
  config: Pick<PlatformConfig, 'rateLimits'>
}

export interface AccountCommandDeps {
  /** Works directly on the database, whether the service runs or not. */
  withDb(work: (context: CommandContext) => Promise<void>): Promise<void>
  /** The source of answers. Default: the terminal. */
  prompt?: Prompt
  /** Prints a line. Default: to standard output. */
  print?(line: string): void
}

const passwordHelp =
  'the password; prefer CAPSTAN_PASSWORD, standard input or the prompt: other users can see command lines'

const passwordOption = () => new Option('-p, --password <password>', passwordHelp).env('CAPSTAN_PASSWORD')

interface CreateOptions {
  username?: string
  email?: string
  password?: string
}

/** Adds `admin create` and `admin reset-password`. Refused input throws a UsageFault. */
export function registerAccountCommands(program: Command, deps: AccountCommandDeps): void {
  const admin = withoutContext(program.command('admin')).description(
    'manage administrators, directly in the database; capstan users does it through the API',
  )
  const print = deps.print ?? ((line: string) => process.stdout.write(`${line}\n`))
  const terminal = () => deps.prompt ?? terminalPrompt({ input: process.stdin, output: process.stderr })

  admin
    .command('create')
    .description('create an administrator and an API token, which is shown once')
    .option('-u, --username <name>', 'the user name, 3 to 50 characters')
    .option('-e, --email <address>', 'the e-mail address')
    .addOption(passwordOption())
    .action(async (options: CreateOptions) => {
      const inputs = new AccountInputs(terminal())
      const account = {
        username: await inputs.text('User name', options.username, username),
        email: await inputs.text('E-mail', options.email, email),
        password: await inputs.password(options.password),
      }
      await deps.withDb(async ({ db, config }) => {
        const { createAdmin } = await import('./users/administration.ts')
        const result = await createAdmin(db, { ...account, rateLimit: config.rateLimits.admin })
        if (result.outcome === 'taken') throw new UsageFault(result.reason)
        const { perSecond, burst } = config.rateLimits.admin
        print(
          `Administrator ${account.username} (${account.email}) created, ${perSecond}/s with bursts of ${burst}.`,
        )
        print(`Initial Admin Token (shown only once): ${result.token}`)
      })
    })

  admin
    .command('reset-password')
    .description("set a user's password and end all sessions and tokens of the user")
    .requiredOption('-u, --username <name>', 'the user name')
    .addOption(passwordOption())
    .action(async (options: { username: string; password?: string }) => {
      const replacement = await new AccountInputs(terminal()).password(options.password)
      await deps.withDb(async ({ db, secrets }) => {
        const { resetPassword } = await import('./users/administration.ts')
        const found = await resetPassword({ db, secrets }, options.username, replacement)
        if (!found) throw new UsageFault('no user has this name')
        print(
          `Changed the password of ${options.username}; all sessions and API tokens of the user have ended.`,
        )
      })
    })
}

/** Prompts for values missing on the command line, and validates both by the same rules. */
class AccountInputs {
  readonly #prompt: Prompt

  constructor(prompt: Prompt) {
    this.#prompt = prompt
  }

  async text(label: string, option: string | undefined, schema: z.ZodType<string>): Promise<string> {
    if (option === undefined && !this.#prompt.interactive) {
      throw new UsageFault(`${label.toLowerCase()} is missing, and no terminal is available to prompt for it`)
    }
    const answer = option ?? (await this.#prompt.ask(`${label}: `)).trim()
    if (!schema.safeParse(answer).success) throw new UsageFault(`${label.toLowerCase()} is not valid`)
    return answer
  }

  async password(option: string | undefined): Promise<string> {
    const { interactive } = this.#prompt
    const isPrompted = !option && interactive
    const answer = option || (interactive ? await this.#hidden('Password: ') : await this.#prompt.firstLine())
    if (answer === '')
      throw new UsageFault('the password is missing: set CAPSTAN_PASSWORD or pipe it to standard input')
    if (!password.safeParse(answer).success) {
      const { min, max } = passwordLength
      throw new UsageFault(`the password must have ${min} to ${max} characters`)
    }
    if (isPrompted && (await this.#hidden('Repeat the password: ')) !== answer) {
      throw new UsageFault('the passwords differ')
    }
    return answer
  }

  #hidden(question: string): Promise<string> {
    return this.#prompt.ask(question, { hidden: true })
  }
}
