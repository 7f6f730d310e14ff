import { rmSync } from 'node:fs'
import { leftOf } from './stack-processes.ts'
import { until } from './until.ts'

// `run-sweeper.ts <folder>`: waits for its parent's end, then ends what is still running with files in the folder, and
// removes it. A parent that says it has ended in order has left nothing.
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
  // Again and again: what is being killed may have started another program just now.
  await until(() => signalAll('SIGKILL') === 0)
}

/** To PostgreSQL, Redis and our programs SIGINT is a request for an orderly end. @returns to how many it went. */
function signalAll(signal: NodeJS.Signals): number {
  const left = leftOf(folder)
  for (const { pid } of left) {
    try {
      process.kill(pid, signal)
    } catch {
      // It ended meanwhile.
    }
  }
  return left.length
}
