import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { onCleanup, temporaryDir } from './harness.ts'

const main = fileURLToPath(new URL('../../src/local-cloud/main.ts', import.meta.url))
// `script` gives its command a terminal; the one of Linux takes the command so.
const hasScript = process.platform === 'linux' && spawnSync('script', ['--version']).status === 0

/** Starts the local cloud on a terminal. @returns what it writes until it serves */
async function written(variables: Record<string, string>): Promise<string> {
  const command = `exec '${process.execPath}' '${main}'`
  const child = spawn('script', ['-qec', command, '/dev/null'], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: process.env.PATH,
      TERM: 'xterm-256color',
      DATA_DIR: temporaryDir(),
      LOCAL_CLOUD_PORT: '0',
      SECRET_KEY: 'k'.repeat(40),
      ...variables,
    },
  })
  const closed = once(child, 'close')
  // The closed terminal ends the local cloud, too.
  onCleanup(async () => {
    child.kill('SIGKILL')
    await closed
  })
  let text = ''
  for await (const chunk of child.stdout) {
    text += chunk
    if (/serving[^\n]*\n/.test(text)) break
  }
  return text
}

test.runIf(hasScript)('the lines of the local cloud are coloured on a terminal', async () => {
  const coloured = await written({})
  expect(coloured).toContain('\u001b[36mcloud: serving')
  const plain = await written({ NO_COLOR: '1' })
  expect(plain).toContain('INFO: cloud: serving')
  expect(plain).not.toContain('\u001b')
})
