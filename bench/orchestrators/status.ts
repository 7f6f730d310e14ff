import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Pool } from 'undici'
import { startStack } from '../stack.ts'
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
  const ratios: number[] = []
  for (let round = 0; round <= rounds; round++) {
    const before = await statements()
    const ours = await load(stack.base, path, token)
    const commits = (await statements()) - before
    const theirs = await load(`http://127.0.0.1:${port}`, '/')
    // The first round warms both up.
    if (round === 0) continue
    ratios.push(ours / theirs)
    console.log(
      `${size} bytes: ours ${ours.toFixed(0)}/s, bare Express ${theirs.toFixed(0)}/s, ratio ${(ours / theirs).toFixed(2)}; ` +
        `${commits} transactions of all processes during ${(ours * seconds).toFixed(0)} requests`,
    )
  }
  const best = ratios.toSorted((a, b) => a - b)
  console.log(`ratio: median ${best[Math.floor(best.length / 2)]?.toFixed(2)}`)
} finally {
  bare?.kill()
  fleet.stop()
  await db.destroy()
  await stack.stop()
  rmSync(dataDir, { recursive: true, force: true })
}
process.exit(0)
