import { rmSync } from 'node:fs'
import { leftOf } from './stack-processes.ts'
import { until } from './until.ts'

// `run-sweeper.ts <folder>`: waits for the end of its parent, then ends the processes that use the folder, unless the
// parent has reported an orderly end. Then removes the folder.
const [folder = ''] = process.argv.slice(2)

let inOrder = false
process.once('message', () => {
  inOrder = true
  process.disconnect()
})
process.once('disconnect', async () => {
  if (!inOrder) await sweep()
  rmSync(folder, { recursive: true, force: true, maxRetries: 10 })
})

async function sweep(): Promise<void> {
  signalAll('SIGINT')
  await until(() => leftOf(folder).length === 0, { timeoutMs: 3000 }).catch(() => undefined)
  // Repeated, because a process may start another one just before it is killed.
  await until(() => signalAll('SIGKILL') === 0)
}

/** Sends a signal to all; on SIGINT, PostgreSQL, Redis and Capstan shut down in order. @returns the number of them */
function signalAll(signal: NodeJS.Signals): number {
  const left = leftOf(folder)
  for (const { pid } of left) {
    try {
      process.kill(pid, signal)
    } catch {
      // The process has already exited.
    }
  }
  return left.length
}
