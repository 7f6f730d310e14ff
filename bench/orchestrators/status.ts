import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Pool } from 'undici'
import { cpuOf, processOf, startStack } from '../stack.ts'
import { nextCycles, openDb, startFleet, watch } from './fleet.ts'

/**
 * Requests a second of `/orchestrators/status` with 20 nodes, against a bare Express that sends as many bytes, turn by
 * turn. `node bench/orchestrators/status.ts [seconds] [rounds]`
 */
const seconds = Number(process.argv[2] ?? 4)
const rounds = Number(process.argv[3] ?? 5)

process.env.ADMIN_RATE_LIMIT_PER_SECOND = '10000'
process.env.ADMIN_RATE_LIMIT_BURST = '100000'
process.env.ORCHESTRATOR_POLL_INTERVAL = '60'
const dataDir = mkdtempSync(join(tmpdir(), 'capstan-bench-'))
const stack = await startStack(dataDir)
const db = openDb(dataDir)
const fleet = await startFleet(20, 0)

async function load(origin: string, path: string, token?: string): Promise<number> {
  const pool = new Pool(origin, { connections: 16 })
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` }
  const endAt = performance.now() + seconds * 1000
  let done = 0
  const client = async () => {
    while (performance.now() < endAt) {
      const { statusCode, body } = await pool.request({ path, method: 'GET', headers })
      await body.dump()
      if (statusCode !== 200) throw new Error(`status ${statusCode}`)
      done += 1
    }
  }
  await Promise.all(Array.from({ length: 16 }, client))
  await pool.close()
  return done / seconds
}

async function statements(): Promise<number> {
  const { rows } = await db.raw(
    `select pg_stat_clear_snapshot(), xact_commit from pg_stat_database where datname = current_database()`,
  )
  return Number(rows[0].xact_commit)
}

let bare: ChildProcess | undefined
try {
  await watch(db, fleet.ports)
  await db.raw(`select append_events(array['orchestrators'], array['nodes_changed'], array['{}'::json])`)
  await nextCycles(db, 1)
  await new Promise((resolve) => setTimeout(resolve, 500))
  // An API token, as programs use: a JWT of the sign-in is looked up all the same.
  const made = await fetch(`${stack.base}/api/v1/auth/tokens`, {
    method: 'POST',
    headers: { authorization: `Bearer ${stack.token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'bench' }),
  })
  const { token } = (await made.json()) as { token: string }
  const path = '/api/v1/orchestrators/status'
  const answer = await fetch(stack.base + path, { headers: { authorization: `Bearer ${token}` } })
  const size = (await answer.arrayBuffer()).byteLength
  bare = fork(fileURLToPath(new URL('bare-express.ts', import.meta.url)), [String(size)])
  const [port] = await once(bare, 'message')
  const sides = {
    ours: {
      origin: stack.base,
      path,
      token,
      pid: processOf(stack.pid, 'src/api.'),
      rate: 0,
      micros: Number.POSITIVE_INFINITY,
    },
    bare: {
      origin: `http://127.0.0.1:${port}`,
      path: '/',
      token: undefined,
      pid: bare.pid ?? 0,
      rate: 0,
      micros: Number.POSITIVE_INFINITY,
    },
  }
  let [commits, requests] = [0, 0]
  for (let round = 0; round <= rounds; round++) {
    for (const side of [sides.ours, sides.bare]) {
      const [before, cpuBefore] = [await statements(), cpuOf(side.pid)]
      const rate = await load(side.origin, side.path, side.token)
      // The first round warms both up. Of the others the best counts: whatever else the machine does makes one worse.
      if (round === 0) continue
      side.rate = Math.max(side.rate, rate)
      side.micros = Math.min(side.micros, ((cpuOf(side.pid) - cpuBefore) * 1e6) / (rate * seconds))
      if (side === sides.bare) continue
      commits += (await statements()) - before
      requests += rate * seconds
    }
  }
  const { ours, bare: theirs } = sides
  console.log(
    `status of ${size} bytes: ${ours.rate.toFixed(0)}/s, bare Express ${theirs.rate.toFixed(0)}/s: ` +
      `${((100 * ours.rate) / theirs.rate).toFixed(0)} %; ${ours.micros.toFixed(0)} against ${theirs.micros.toFixed(0)} us CPU: ` +
      `${((100 * theirs.micros) / ours.micros).toFixed(0)} %; ${commits} transactions of all processes during ${requests.toFixed(0)} requests`,
  )
} finally {
  bare?.kill()
  fleet.stop()
  await db.destroy()
  await stack.stop()
  rmSync(dataDir, { recursive: true, force: true })
}
process.exit(0)
