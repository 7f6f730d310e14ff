import { type Command, Option } from 'commander'
import type { Knex } from 'knex'
import type { z } from 'zod'
import { UsageFault } from '../cli/index.ts'
import { type Prompt, terminalPrompt } from '../cli/prompt.ts'
import type { PlatformConfig } from '../platform/config/index.ts'
import type { Secrets } from '../platform/secrets.ts'
import { email, password, passwordLength, username } from './schema.ts'
import { createAdmin, resetPassword } from './users/administration.ts'

interface CommandContext {
  db: Knex
  secrets: Secrets
  config: Pick<PlatformConfig, 'rateLimits'>
}

export interface AccountCommandDeps {
  /** Works directly on the database, whether the service runs or not. */
  withDb(work: (context: CommandContext) => Promise<void>): Promise<void>
  /** Default: the terminal. */
  prompt?: Prompt
  /** Default: a line on standard output. */
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

/** Adds `admin create` and `admin reset-password`. @throws UsageFault for what is refused */
export function registerAccountCommands(program: Command, deps: AccountCommandDeps): void {
  const admin = program.command('admin').description('manage administrators, directly in the database')
  const print = deps.print ?? ((line: string) => process.stdout.write(`${line}\n`))
  const terminal = () => deps.prompt ?? terminalPrompt({ input: process.stdin, output: process.stderr })

  admin
    .command('create')
    .description('create an administrator and an API token, which is shown once')
    .option('-u, --username <name>', 'the user name, 3 to 50 characters')
    .option('-e, --email <address>', 'the e-mail address')
    .addOption(passwordOption())
    .action(async (options: CreateOptions) => {
      const asked = new Questions(terminal())
      const account = {
        username: await asked.text('User name', options.username, username),
        email: await asked.text('E-mail', options.email, email),
        password: await asked.password(options.password),
      }
      await deps.withDb(async ({ db, config }) => {
        const result = await createAdmin(db, { ...account, rateLimit: config.rateLimits.admin })
        if (result.outcome === 'taken') throw new UsageFault(result.reason)
        const { perSecond, burst } = config.rateLimits.admin
        print(
          `Administrator ${account.username} (${account.email}) created, ${perSecond}/s with bursts of ${burst}.`,
        )
        print(`Initial Admin Token (shown only now): ${result.token}`)
      })
    })

  admin
    .command('reset-password')
    .description("set a user's password and end all sessions and tokens of the user")
    .requiredOption('-u, --username <name>', 'the user name')
    .addOption(passwordOption())
    .action(async (options: { username: string; password?: string }) => {
      const replacement = await new Questions(terminal()).password(options.password)
      await deps.withDb(async ({ db, secrets }) => {
        const found = await resetPassword({ db, secrets }, options.username, replacement)
        if (!found) throw new UsageFault('there is no user of that name')
        print(`The password of ${options.username} was changed; its sessions and API tokens have ended.`)
      })
    })
}

/** Fills in what the command line left out, and holds both to the same rules. */
class Questions {
  readonly #prompt: Prompt

  constructor(prompt: Prompt) {
    this.#prompt = prompt
  }

  async text(label: string, given: string | undefined, schema: z.ZodType<string>): Promise<string> {
    if (given === undefined && !this.#prompt.interactive) {
      throw new UsageFault(`${label.toLowerCase()} is missing, and there is no terminal to ask for it`)
    }
    const answer = given ?? (await this.#prompt.ask(`${label}: `)).trim()
    if (!schema.safeParse(answer).success) throw new UsageFault(`${label.toLowerCase()} is not valid`)
    return answer
  }

  async password(given: string | undefined): Promise<string> {
    const { interactive } = this.#prompt
    const asked = !given && interactive
    const answer = given || (interactive ? await this.#hidden('Password: ') : await this.#prompt.firstLine())
    if (answer === '')
      throw new UsageFault('no password was given: set CAPSTAN_PASSWORD, or pipe it to standard input')
    if (!password.safeParse(answer).success) {
      const { min, max } = passwordLength
      throw new UsageFault(`the password must have ${min} to ${max} characters`)
    }
    if (asked && (await this.#hidden('Repeat the password: ')) !== answer) {
      throw new UsageFault('the passwords differ')
    }
    return answer
  }

  #hidden(question: string): Promise<string> {
    return this.#prompt.ask(question, { hidden: true })
  }
}
