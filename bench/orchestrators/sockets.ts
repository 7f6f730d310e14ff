import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { cpuOf, processOf, quantile, startStack } from '../stack.ts'
import { openDb, startFleet, watch } from './fleet.ts'

/**
 * Many WebSocket clients: memory of the web process for each, and how long an update takes from the end of its cycle
 * to the last of them. `node bench/orchestrators/sockets.ts [clients] [updates]`
 */
const clients = Number(process.argv[2] ?? 10_000)
const updates = Number(process.argv[3] ?? 5)

process.env.ADMIN_RATE_LIMIT_PER_SECOND = '10000'
process.env.ADMIN_RATE_LIMIT_BURST = '100000'
process.env.ORCHESTRATOR_POLL_INTERVAL = '5'
const dataDir = mkdtempSync(join(tmpdir(), 'capstan-bench-'))
const stack = await startStack(dataDir)
const db = openDb(dataDir)
const fleet = await startFleet(20, 0)
const port = Number(new URL(stack.base).port)

const rssKb = (pid: number) =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0)

/** Half of the clients each, so that reading what was sent is not what takes time. */
const crowds = 2
interface Arrivals {
  poll: string
  times: number[]
}

async function startCrowd(count: number, tell: (arrivals: Arrivals) => void): Promise<ChildProcess> {
  const args = [String(port), stack.token, String(count)]
  const child = fork(fileURLToPath(new URL('crowd.ts', import.meta.url)), args)
  await once(child, 'message')
  child.on('message', (message) => tell(message as Arrivals))
  return child
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

const children: ChildProcess[] = []
try {
  await watch(db, fleet.ports)
  await db.raw(`select append_events(array['orchestrators'], array['nodes_changed'], array['{}'::json])`)
  children.push(await startCrowd(1, () => undefined))
  await pause(15_000)
  const pid = processOf(stack.pid, 'src/api.')
  const before = rssKb(pid)
  const startedAt = performance.now()
  const complete = new Map<string, number[][]>()
  const tell = ({ poll, times }: Arrivals) => complete.set(poll, [...(complete.get(poll) ?? []), times])
  children.push(
    ...(await Promise.all(Array.from({ length: crowds }, () => startCrowd(clients / crowds, tell)))),
  )
  console.log(`${clients} clients connected in ${((performance.now() - startedAt) / 1000).toFixed(1)} s`)
  // An update that was on its way while they connected is not counted.
  complete.clear()
  const whole = () =>
    [...complete.values()].filter((parts) => parts.length === crowds).map((parts) => parts.flat())
  const cpuBefore = cpuOf(pid)
  while (whole().length < updates) await pause(200)
  const cpuMs = ((cpuOf(pid) - cpuBefore) * 1000) / updates
  const after = rssKb(pid)
  for (const times of whole().slice(0, updates)) {
    console.log(
      `update to ${times.length} clients: p50 ${quantile(times, 0.5)} ms, p99 ${quantile(times, 0.99)} ms, max ${Math.max(...times)} ms`,
    )
  }
  console.log(`web process: ${cpuMs.toFixed(0)} ms CPU an update, all that it does meanwhile included`)
  console.log(
    `web process: ${(before / 1024).toFixed(0)} MB before, ${(after / 1024).toFixed(0)} MB with updates sent: ` +
      `${((after - before) / clients).toFixed(1)} KB a client`,
  )
} finally {
  for (const child of children) child.kill()
  fleet.stop()
  await db.destroy()
  await stack.stop()
  rmSync(dataDir, { recursive: true, force: true })
}
process.exit(0)
