import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, onTestFinished, test } from 'vitest'
import { canInspectProcesses, leftOf } from '../helpers/stack-processes.ts'
import { until } from '../helpers/until.ts'

async function startRun() {
  const program = fileURLToPath(new URL('supervised/run.ts', import.meta.url))
  const child = spawn(process.execPath, [program], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  const [said] = await once(child, 'message')
  const { folder, pid } = said as { folder: string; pid: number }
  const runs = () => leftOf(folder).some((each) => each.pid === pid)
  expect([existsSync(folder), runs()]).toEqual([true, true])
  return { child, folder }
}

describe.skipIf(!canInspectProcesses)('a test run', () => {
  test.each(['SIGTERM', 'SIGKILL', 'SIGINT'] as const)(
    'that is ended by %s leaves no PostgreSQL server and no directory',
    async (signal) => {
      const { child, folder } = await startRun()
      child.kill(signal)
      await until(() => leftOf(folder).length === 0 && !existsSync(folder))
    },
  )

  test.each([
    ['normally', 'end'],
    ['although its server did not stop', 'give up'],
    ['although a test has left a process behind', 'leave an orphan'],
  ])('that ends %s leaves no process and no directory', async (_how, message) => {
    const { child, folder } = await startRun()
    child.send(message)
    await once(child, 'exit')
    expect([existsSync(folder), leftOf(folder)]).toEqual([false, []])
  })
})
