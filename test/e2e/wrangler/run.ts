import { spawn } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../../', import.meta.url))
const ownProgram = join(root, 'node_modules', 'wrangler', 'bin', 'wrangler.js')

export interface Target {
  url: string
  token: string
  accountId: string
  /** The project's folder. */
  directory: string
  /** The folder that wrangler uses as HOME. */
  home: string
  /** The program to run. Default: the installed wrangler. */
  program?: string
}

/** Where the output of wrangler is kept. @param name a folder of its own for each test file */
const artifactsOf = (name: string): string => join(root, 'test-artifacts', name)

export interface Ran {
  code: number | null
  /** What it wrote to both streams. */
  output: string
  /** What it wrote to the standard output. */
  answer: string
}

/** A command that runs until it is stopped, like `wrangler tail`. */
export interface Running {
  output(): string
  /** Sends SIGINT, as Ctrl+C does. */
  stop(): Promise<Ran>
}

/** Runs wrangler in separate processes, and stores their numbered output in `test-artifacts/<name>`. */
export function wranglerFor(target: Target, name: string) {
  const artifacts = artifactsOf(name)
  rmSync(artifacts, { recursive: true, force: true })
  mkdirSync(artifacts, { recursive: true })
  let count = 0

  function start(args: string[], input = '') {
    const child = spawn(process.execPath, [target.program ?? ownProgram, ...args], {
      cwd: target.directory,
      env: environmentOf(target),
    })
    const ran: Ran = { code: null, output: '', answer: '' }
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      ran.output += chunk
      ran.answer += chunk
    })
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      ran.output += chunk
    })
    child.stdin.end(input)
    const ended = new Promise<Ran>((resolve) =>
      child.once('close', (code) => {
        ran.code = code
        count += 1
        const verb = args.filter((arg) => /^[a-z0-9]+$/.test(arg)).slice(0, 3)
        const file = `${String(count).padStart(2, '0')}-${verb.join('-')}.txt`
        writeFileSync(join(artifacts, file), `$ wrangler ${args.join(' ')}\n${ran.output}\n(exit ${code})\n`)
        resolve(ran)
      }),
    )
    return { child, ran, ended }
  }

  return {
    artifacts,
    run: (args: string[], input?: string): Promise<Ran> => start(args, input).ended,
    start(args: string[]): Running {
      const { child, ran, ended } = start(args)
      return {
        output: () => ran.output,
        stop() {
          child.kill('SIGINT')
          return ended
        },
      }
    },
  }
}

/** wrangler gets no settings, account or HTTP proxy from the environment. */
const environmentOf = ({ home, url, token, accountId }: Target): NodeJS.ProcessEnv => ({
  PATH: process.env.PATH ?? '',
  HOME: home,
  CI: '1',
  // wrangler's 15 MB of code are compiled once for all commands.
  NODE_COMPILE_CACHE: join(home, 'compiled'),
  NO_COLOR: '1',
  FORCE_COLOR: '0',
  WRANGLER_SEND_METRICS: 'false',
  WRANGLER_SEND_ERROR_REPORTS: 'false',
  WRANGLER_HIDE_BANNER: 'true',
  CLOUDFLARE_API_BASE_URL: `${url}/client/v4`,
  CLOUDFLARE_API_TOKEN: token,
  CLOUDFLARE_ACCOUNT_ID: accountId,
})
