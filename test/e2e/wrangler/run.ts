import { spawn } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../../', import.meta.url))
const program = join(root, 'node_modules', 'wrangler', 'bin', 'wrangler.js')
export const artifacts = join(root, 'test-artifacts', 'wrangler')

export interface Target {
  url: string
  token: string
  accountId: string
  /** The project's folder. */
  directory: string
  /** The folder that wrangler uses as HOME. */
  home: string
}

/** Runs wrangler in a separate process, and stores its numbered output in `test-artifacts/wrangler`. */
export function wranglerFor(target: Target) {
  rmSync(artifacts, { recursive: true, force: true })
  mkdirSync(artifacts, { recursive: true })
  let count = 0
  return async (args: string[], input = '') => {
    // wrangler gets no settings, account or HTTP proxy from the environment.
    const env = {
      PATH: process.env.PATH ?? '',
      HOME: target.home,
      CI: '1',
      // wrangler's 15 MB of code are compiled once for all commands.
      NODE_COMPILE_CACHE: join(target.home, 'compiled'),
      NO_COLOR: '1',
      WRANGLER_SEND_METRICS: 'false',
      WRANGLER_SEND_ERROR_REPORTS: 'false',
      WRANGLER_HIDE_BANNER: 'true',
      CLOUDFLARE_API_BASE_URL: `${target.url}/client/v4`,
      CLOUDFLARE_API_TOKEN: target.token,
      CLOUDFLARE_ACCOUNT_ID: target.accountId,
    }
    const child = spawn(process.execPath, [program, ...args], { cwd: target.directory, env })
    let output = ''
    let answer = ''
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      output += chunk
      answer += chunk
    })
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      output += chunk
    })
    child.stdin.end(input)
    const code = await new Promise<number | null>((resolve) => child.once('close', resolve))
    count += 1
    const verb = args.filter((arg) => /^[a-z]+$/.test(arg)).slice(0, 2)
    const name = `${String(count).padStart(2, '0')}-${verb.join('-')}.txt`
    writeFileSync(join(artifacts, name), `$ wrangler ${args.join(' ')}\n${output}\n(exit ${code})\n`)
    return { code, output, answer }
  }
}
