import { execFile, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { completedCommands } from '../../src/cli/completion/model.ts'
import { completionScript, type Shell, shells } from '../../src/cli/completion/scripts.ts'
import type { CommandDeps } from '../../src/cli/index.ts'
import { wholeProgram } from '../../src/cli/run.ts'
import { areas } from '../../src/commands.ts'
import { folderWith } from './folder.ts'
import { capstan } from './run.ts'

const unused = () => Promise.reject(new Error('no command runs'))
const deps: CommandDeps = {
  ...{ env: {}, shellEnv: {}, client: unused, exitWith: () => undefined },
  prompt: { interactive: false, ask: unused, firstLine: unused },
  stdout: { write: () => undefined },
  stderr: { write: () => undefined },
}

const stored = fileURLToPath(new URL('../../bin/completion.generated.json', import.meta.url))

test('the stored scripts are those of the commands; npx vitest run test/cli/completion.test.ts -u writes them', async () => {
  const commands = completedCommands(await wholeProgram(areas, deps))
  const scripts = Object.fromEntries(shells.map((shell) => [shell, completionScript(shell, commands)]))
  await expect(`${JSON.stringify(scripts, null, 2)}\n`).toMatchFileSnapshot(stored)
  for (const shell of shells) expect((await capstan(['completion', shell])).out).toBe(scripts[shell])
})

test.each(['tcsh', 'constructor'])('there is no script for %s', async (shell) => {
  expect(await capstan(['completion', shell])).toMatchObject({ code: 2, out: '' })
})

/** Two contexts, and a file, in the current folder. */
const folder = () =>
  folderWith({
    'capstan/contexts/prod.json': '{}',
    'capstan/contexts/test.json': '{}',
    'node.txt': '',
    'app/x': '',
  })

/** Asks a shell what it offers after a line; a space at its end begins a new word. */
const asking: Record<Shell, (line: string) => string> = {
  bash: (line) => `
    source <(node_capstan bash)
    COMP_WORDS=(${wordsOf(line)}); COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
    _capstan; printf '%s\\n' "\${COMPREPLY[@]}"`,
  // The functions that the completion system of zsh has only while a user types.
  zsh: (line) => `
    compdef() { :; }
    _describe() { local list=\${@[-1]}; print -l -- \${\${(P)list}%%:*}; }
    compadd() { shift; print -l -- "$@"; }
    _files() { print -l -- *; }
    eval "$(node_capstan zsh)"
    words=(${wordsOf(line)}); CURRENT=\${#words}
    _capstan`,
  fish: (line) => `node_capstan fish | source; complete -C ${quoted(line)} | string replace -r '\\t.*' ''`,
}

const wordsOf = (line: string) => line.split(' ').map(quoted).join(' ')
const quoted = (text: string) => `'${text}'`
const bin = fileURLToPath(new URL('../../bin/capstan.js', import.meta.url))
const define: Record<Shell, string> = {
  bash: `node_capstan() { "$NODE" "$BIN" completion "$1"; }`,
  zsh: `node_capstan() { "$NODE" "$BIN" completion "$1"; }`,
  fish: `function node_capstan; $NODE $BIN completion $argv[1]; end`,
}

/** @returns the words that the shell offers for each line */
async function offered(
  shell: Shell,
  lines: string[],
  { cwd = folder(), config = cwd }: { cwd?: string; config?: string } = {},
): Promise<string[][]> {
  const env = {
    ...{ PATH: process.env.PATH, HOME: cwd, XDG_CONFIG_HOME: config },
    NODE: process.execPath,
    BIN: bin,
  }
  const script = [define[shell], ...lines.map((line) => `${asking[shell](line)}\necho ----`)].join('\n')
  const args =
    shell === 'zsh'
      ? ['-f', '-c', script]
      : shell === 'fish'
        ? ['--no-config', '-c', script]
        : ['--norc', '-c', script]
  const out = await new Promise<string>((resolve, reject) =>
    execFile(shell, args, { cwd, env }, (error, text, err) =>
      error === null && err === '' ? resolve(text) : reject(new Error(`${shell}: ${err}`)),
    ),
  )
  const parts = out.split('----\n').slice(0, lines.length)
  return parts.map((part) =>
    part
      .split('\n')
      .filter((word) => word !== '')
      .toSorted(),
  )
}

describe.each(shells)('%s', (shell) => {
  const isThere = spawnSync(shell, ['--version']).status === 0

  test.runIf(isThere)('completes words, options and values', async () => {
    const lines = [
      'capstan jo',
      'capstan jobs ',
      'capstan jobs list --st',
      'capstan jobs list --state ',
      'capstan --context prod deploy ',
      'capstan jobs list --queue list --',
      'capstan context use ',
      'capstan release publish --channel ',
      'capstan deploy --env ',
      'capstan completion ',
      'capstan nonsense ',
    ]
    const [words, jobs, option, states, deploy, options, contexts, channels, environments, all, none] =
      await offered(shell, lines)
    expect(words).toContain('jobs')
    expect(jobs).toEqual(['cancel', 'list', 'retry', 'show', 'watch'])
    expect(option).toContain('--state')
    expect(states).toEqual(['cancelled', 'completed', 'failed', 'queued', 'retrying', 'running'])
    expect(deploy).toEqual(expect.arrayContaining(['list', 'watch', 'rollback']))
    expect(options).toEqual(expect.arrayContaining(['--limit', '--json', '--context', '--help']))
    expect(contexts).toEqual(['local', 'prod', 'test'])
    expect(channels).toEqual(['beta', 'stable'])
    expect(environments).toEqual(['production', 'staging'])
    expect(all).toEqual(['bash', 'fish', 'zsh'])
    expect(none).toEqual(expect.arrayContaining(['deploy', 'jobs']))
  })

  test.runIf(isThere)('offers and evaluates no name that is none of a context', async () => {
    const cwd = folderWith({
      'capstan/contexts/prod.json': '{}',
      'capstan/contexts/$(touch evaluated).json': '{}',
      'capstan/contexts/`touch evaluated`.json': '{}',
      '.config/capstan/contexts/home.json': '{}',
    })
    expect(await offered(shell, ['capstan context use '], { cwd })).toEqual([['local', 'prod']])
    expect(existsSync(join(cwd, 'evaluated'))).toBe(false)
    // A relative folder would be one of the current folder.
    const relative = await offered(shell, ['capstan context use '], { cwd, config: '.' })
    expect(relative).toEqual([['home', 'local']])
  })

  test.runIf(isThere)('completes files where a command takes one', async () => {
    const [path] = await offered(shell, ['capstan nodes import --json '])
    expect((path ?? []).map((each) => each.replace(/\/$/, ''))).toContain('node.txt')
  })
})
