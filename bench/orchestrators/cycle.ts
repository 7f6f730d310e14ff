import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { memoryOf, quantile, startStack } from '../stack.ts'
import { nextCycles, openDb, startFleet, watch } from './fleet.ts'

/**
 * How long a cycle takes: 20 healthy nodes against the slowest answer, 1,000 nodes of which 200 are dead against the
 * deadline, and the worker's memory. `node bench/orchestrators/cycle.ts [cycles]`
 */
const cycles = Number(process.argv[2] ?? 5)
const deadlineS = 5

process.env.ORCHESTRATOR_RPC_TIMEOUT = String(deadlineS)
process.env.ORCHESTRATOR_POLL_INTERVAL = '10'
const dataDir = mkdtempSync(join(tmpdir(), 'capstan-bench-'))
const stack = await startStack(dataDir)
const db = openDb(dataDir)
try {
  const small = await startFleet(20, 0)
  await watch(db, small.ports)
  const healthy = (await nextCycles(db, cycles + 1)).slice(1)
  small.stop()
  const over = healthy.map((each) => each.ms - each.slowestMs)
  console.log(
    `20 nodes, ${cycles} cycles: p50 ${quantile(
      healthy.map((each) => each.ms),
      0.5,
    ).toFixed(
      0,
    )} ms; over the slowest answer p50 ${quantile(over, 0.5).toFixed(0)} ms, max ${Math.max(...over).toFixed(0)} ms`,
  )
  const large = await startFleet(1000, 200)
  await watch(db, large.ports)
  const many = (await nextCycles(db, cycles + 1)).slice(1)
  const worker = memoryOf(stack.pid).parts.find((part) => part.startsWith('worker'))
  large.stop()
  const over1000 = many.map((each) => each.ms - deadlineS * 1000)
  const last = many.at(-1)
  console.log(
    `1000 nodes, 200 dead, ${cycles} cycles: online ${last?.online} of ${last?.total}; over the deadline of ${deadlineS} s ` +
      `p50 ${quantile(over1000, 0.5).toFixed(0)} ms, max ${Math.max(...over1000).toFixed(0)} ms; ${worker} MB PSS`,
  )
  console.log(`samples in the table: ${(await db('orchestrator_samples').count())[0]?.count}`)
} finally {
  await db.destroy()
  await stack.stop()
  rmSync(dataDir, { recursive: true, force: true })
}
process.exit(0)
