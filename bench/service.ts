import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { memoryOf, quantile, type Stack, startStack } from './stack.ts'

/**
 * Start, memory and deployments of the embedded default: time to ready on the second start, PSS of the idle tree, and
 * the example's way from POST to completed, split into ours and the cloud's. `node bench/service.ts [deployments]`
 */
const runs = Number(process.argv[2] ?? 12)
const script = readFileSync(fileURLToPath(new URL('../examples/hello/index.js', import.meta.url)), 'utf8')

interface StatusStep {
  step: string
  duration: number
}

async function call<T>(stack: Stack, path: string, body?: unknown): Promise<T> {
  const answer = await fetch(`${stack.base}${path}`, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { Authorization: `Bearer ${stack.token}`, 'Content-Type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const parsed = (await answer.json()) as { data: T; error?: { message: string } }
  if (!answer.ok) throw new Error(`${path}: ${parsed.error?.message}`)
  return parsed.data
}

/** Milliseconds from the POST to the end of the log, and the part of it that is the cloud's and the check's. */
async function deployOnce(stack: Stack, n: number): Promise<{ total: number; outside: number }> {
  const config = {
    appName: 'bench',
    durableObjects: ['Counter'],
    environmentVars: { GREETING: `Hello ${n}` },
    script,
    healthCheck: { path: '/health', timeoutSeconds: 30 },
  }
  const { deploymentId } = await call<{ deploymentId: string }>(stack, '/deploy/prepare', {
    environment: 'staging',
    config,
  })
  const startedAt = performance.now()
  await call(stack, '/deploy', { deploymentId, environment: 'staging' })
  const log = await fetch(`${stack.base}/deploy/${deploymentId}/logs`, {
    headers: { Authorization: `Bearer ${stack.token}`, Accept: 'text/event-stream' },
  })
  const text = await log.text()
  const total = performance.now() - startedAt
  if (!/event: end\ndata: [^\n]*"status":"completed"/.test(text)) throw new Error(text)
  const status = await call<{ completedSteps: StatusStep[] }>(stack, `/deploy/${deploymentId}/status`)
  // A step's time is its calls and a few milliseconds of ours; the steps without calls are all ours.
  const calling = new Set([
    'cloudflare_auth',
    'check_quotas',
    'deploy_worker',
    'configure_dns',
    'health_check',
  ])
  const outside = status.completedSteps.filter((each) => calling.has(each.step))
  return { total, outside: 1000 * outside.reduce((sum, each) => sum + each.duration, 0) }
}

const dataDir = mkdtempSync(join(tmpdir(), 'capstan-bench-'))
try {
  const first = await startStack(dataDir)
  await first.stop()
  const stack = await startStack(dataDir)
  await new Promise((resolve) => setTimeout(resolve, 15_000))
  const idle = memoryOf(stack.pid)
  console.log(
    `ready: first start ${(first.readyMs / 1000).toFixed(1)} s, second start ${(stack.readyMs / 1000).toFixed(1)} s`,
  )
  console.log(`idle tree ${idle.total.toFixed(0)} MB PSS (${idle.parts.join(', ')})`)
  const results: { total: number; outside: number }[] = []
  for (let n = 0; n < runs; n++) results.push(await deployOnce(stack, n))
  const totals = results.map((each) => each.total)
  const ours = results.map((each) => each.total - each.outside)
  const show = (values: number[]) =>
    `p50 ${quantile(values, 0.5).toFixed(0)} ms, max ${Math.max(...values).toFixed(0)} ms`
  console.log(
    `${runs} deployments of the example, POST to completed: first ${totals[0]?.toFixed(0)} ms, ${show(totals)}`,
  )
  console.log(
    `  of which ours at least (all but the five steps that call the cloud or the app, with their own writes): ${show(ours)}`,
  )
  const used = memoryOf(stack.pid)
  console.log(`tree after it ${used.total.toFixed(0)} MB PSS (${used.parts.join(', ')})`)
  await stack.stop()
} finally {
  rmSync(dataDir, { recursive: true, force: true })
}
