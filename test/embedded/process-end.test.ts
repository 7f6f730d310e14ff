import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { describe, expect, onTestFinished, test } from 'vitest'
import { until } from '../helpers/until.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const fixture = (name: string) => fileURLToPath(new URL(`supervised/${name}`, import.meta.url))

/** Starts a Node program in which `process.exit` hangs. */
function start(script: string, args: string[] = [], env: Record<string, string> = {}) {
  const hang = pathToFileURL(fixture('exit-hangs.js')).href
  const child = spawn(process.execPath, ['--import', hang, script, ...args], {
    cwd: root,
    env: { PATH: process.env.PATH ?? '', CAPSTAN_ENV_FILE: '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk))
  const closed = once(child, 'close').then(([code, signal]) => ({ code, signal, output }))
  onTestFinished(() => void child.kill('SIGKILL'))
  return { child, closed, output: () => output }
}

describe('a process whose process.exit hangs', () => {
  test.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)('ends with code 0 after %s', async (signal) => {
    const { child, closed, output } = start(fixture('process.ts'), ['serving'])
    await until(() => output().includes('started'))
    const from = Date.now()
    child.kill(signal)
    expect(await closed).toMatchObject({ code: 0, output: expect.stringContaining('"msg":"stopped"') })
    expect(Date.now() - from).toBeLessThan(2000)
  })

  test.each([
    ['a failed start', 'failing', 1, 'Error: the start failed'],
    ['a faulty configuration', 'misconfigured', 78, 'PORT: expected a port number'],
  ])('ends after %s', async (_what, behaviour, code, said) => {
    const ended = await start(fixture('process.ts'), [behaviour]).closed
    expect(ended).toMatchObject({ code, output: expect.stringContaining(said) })
  })

  test.each([
    ['a successful command', 'bin/capstan.js', ['--version'], 0],
    ['a rejected command', 'bin/capstan.js', ['nonsense'], 2],
    ['npm start', 'bin/start.js', [], 1],
    ['the migrations', 'src/migrate.ts', [], 78],
    ['web', 'src/api.ts', [], 78],
    ['worker', 'workers/main.ts', [], 78],
    ['the local cloud', 'src/local-cloud/main.ts', [], 78],
  ])('ends: %s', async (_what, script, args, code) => {
    const ended = await start(join(root, script), args, { LOG_LEVEL: 'nonsense' }).closed
    expect(ended).toMatchObject({ code, signal: null })
  })
})

describe('a process that is stopped', () => {
  test('during its start ends normally, without a stack trace or a ready message', async () => {
    const { child, closed, output } = start(fixture('process.ts'), ['starting'])
    await until(() => output().includes('starting'))
    child.kill('SIGTERM')
    const ended = await closed
    expect(ended).toMatchObject({ code: 0, output: expect.stringContaining('"msg":"stopped"') })
    expect(ended.output).not.toMatch(/^\s+at |started$/m)
  })

  test('because its supervisor was killed ends without a stack trace', async () => {
    const child = spawn(process.execPath, [fixture('process.ts'), 'serving'], {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    })
    onTestFinished(() => void child.kill('SIGKILL'))
    let output = ''
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (output += chunk))
    child.disconnect()
    await once(child, 'exit')
    await until(() => output.includes('"msg":"stopped"'))
    expect(output).not.toMatch(/^\s+at /m)
    expect(output).toContain('"signal":"orphaned"')
  })
})
