import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePort } from '../../src/embedded/postgres/port.ts'
import type { Stack } from '../helpers/stack.ts'
import { blocksOf } from './markdown.ts'
import { missingOutput, scriptOf } from './shell-script.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const preamble = readFileSync(join(import.meta.dirname, 'preamble.sh'), 'utf8')

export interface Reader {
  /** Runs the snippets of a page in one shell. @throws Error with the output, if a command failed */
  follow(page: string): Promise<void>
  dispose(): void
}

/** Makes a reader of the pages who has installed the command and started an installation. */
export function createReader(
  stack: Pick<Stack, 'dataDir' | 'port' | 'cloudPort'>,
  secrets: { password: string; token: string },
): Reader {
  const home = mkdtempSync(join(tmpdir(), 'capstan-reader-'))
  const bin = join(home, 'bin')
  mkdirSync(bin)
  // The Node of the tests: an older one would start every command a second time.
  symlinkSync(process.execPath, join(bin, 'node'))
  writeFileSync(join(bin, 'capstan'), `#!/bin/sh\nexec "${process.execPath}" "${root}bin/capstan.js" "$@"\n`)
  chmodSync(join(bin, 'capstan'), 0o755)
  const environment = {
    PATH: `${bin}${delimiter}${process.env.PATH}`,
    HOME: home,
    TMPDIR: tmpdir(),
    XDG_CACHE_HOME: process.env.XDG_CACHE_HOME,
    XDG_STATE_HOME: process.env.XDG_STATE_HOME,
    CAPSTAN_ENV_FILE: '',
    DATA_DIR: stack.dataDir,
    CHECKOUT: root,
    TOKEN: secrets.token,
  }
  return {
    async follow(page) {
      const folder = join(home, page.replaceAll(/\W/g, '-'))
      mkdirSync(folder)
      const blocks = blocksOf(page)
      const script = scriptOf(blocks, folder, [
        ['127.0.0.1:8000', `127.0.0.1:${stack.port}`],
        [/(127\.0\.0\.1|localhost):8787/g, `$1:${stack.cloudPort}`],
        ['<printed by npm start>', secrets.password],
        ['/srv/capstan', join(folder, 'srv')],
        ['<checkout>/', root],
        ["'@capstan/client'", `'${root}client/src/index.ts'`],
        // Elsewhere the folder has another name.
        ["'.capstan/", `'${stack.dataDir}/`],
        ['$(cat .capstan/', `$(cat ${stack.dataDir}/`],
        ['55000', `${await freePort()}`],
        // The installation of the tests polls nodes every two seconds.
        ['sleep 60 ', 'sleep 4 '],
      ])
      writeFileSync(join(folder, 'page.sh'), `${preamble}\n${script}`)
      const [, version = '0.0.1'] = /--version (\S+)/.exec(script) ?? []
      const env = { ...environment, PAGE: page, VERSION: version }
      const child = spawn('bash', ['page.sh'], { cwd: folder, env, detached: true })
      const output: string[] = []
      for (const stream of [child.stdout, child.stderr])
        stream.setEncoding('utf8').on('data', (text: string) => output.push(text))
      child.stdin.end()
      await once(child, 'exit')
      endGroup(child.pid)
      const said = output.join('')
      const missing = child.exitCode === 0 ? missingOutput(blocks, said) : []
      if (child.exitCode !== 0 || missing.length > 0)
        throw new Error([said.slice(-4000), ...missing.map((line) => `not printed: ${line}`)].join('\n'))
    },
    dispose: () => rmSync(home, { recursive: true, force: true }),
  }
}

/** Ends what a page that failed has left running in the background. */
function endGroup(leader: number | undefined): void {
  try {
    if (leader !== undefined) process.kill(-leader, 'SIGKILL')
  } catch {
    // Nothing was left.
  }
}
