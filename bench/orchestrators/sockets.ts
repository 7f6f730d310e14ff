import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { quantile, startStack } from '../stack.ts'
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

function webPid(): string {
  const found = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .find((name) => {
      try {
        const environment = readFileSync(`/proc/${name}/environ`, 'utf8')
        return (
          readFileSync(`/proc/${name}/cmdline`, 'utf8').includes('src/api.ts') &&
          environment.includes(dataDir)
        )
      } catch {
        return false
      }
    })
  return found ?? ''
}

const rssKb = (pid: string) =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0)

/** Arrivals of each update, by the time of its poll. */
const arrivals = new Map<string, number[]>()
const request = [
  `GET /api/v1/ws/status?token=${stack.token} HTTP/1.1`,
  'Host: bench',
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  '\r\n',
].join('\r\n')
const stamp = /"type":"status_update","timestamp":"[^"]+","data":\{"timestamp":"([^"]+)"/

/** A client without a library: what it costs must not slow down what is measured. */
function open(): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(request))
    socket.once('data', (first) => {
      if (!first.toString().includes('101 Switching')) reject(new Error(first.toString()))
      else resolve(socket)
    })
    socket.on('data', (chunk) => {
      const poll = stamp.exec(chunk.subarray(0, 300).toString('latin1'))?.[1]
      if (poll === undefined) return
      const times = arrivals.get(poll) ?? []
      times.push(Date.now() - Date.parse(poll))
      arrivals.set(poll, times)
    })
    socket.on('error', reject)
  })
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

try {
  await watch(db, fleet.ports)
  await db.raw(`select append_events(array['orchestrators'], array['nodes_changed'], array['{}'::json])`)
  await open()
  await pause(15_000)
  const pid = webPid()
  const before = rssKb(pid)
  const startedAt = performance.now()
  for (let n = 0; n < clients; n += 100) await Promise.all(Array.from({ length: 100 }, open))
  console.log(`${clients} clients connected in ${((performance.now() - startedAt) / 1000).toFixed(1)} s`)
  arrivals.clear()
  while ([...arrivals.values()].filter((times) => times.length > clients).length < updates) await pause(200)
  const after = rssKb(pid)
  const complete = [...arrivals.values()].filter((times) => times.length > clients).slice(0, updates)
  for (const times of complete) {
    console.log(
      `update to ${times.length} clients: p50 ${quantile(times, 0.5)} ms, p99 ${quantile(times, 0.99)} ms, max ${Math.max(...times)} ms`,
    )
  }
  console.log(
    `web process: ${(before / 1024).toFixed(0)} MB before, ${(after / 1024).toFixed(0)} MB with updates sent: ` +
      `${((after - before) / clients).toFixed(1)} KB a client`,
  )
} finally {
  fleet.stop()
  await db.destroy()
  await stack.stop()
  rmSync(dataDir, { recursive: true, force: true })
}
process.exit(0)
