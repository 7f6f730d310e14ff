import { expect, test } from 'vitest'
import type { Groups, Serving } from '../../../src/local-cloud/runtime/groups/group.ts'
import { scriptIdOf } from '../../../src/local-cloud/runtime/groups/nodes.ts'
import { WorkerLogs } from '../../../src/local-cloud/runtime/logs/worker-logs.ts'
import { Pool } from '../../../src/local-cloud/runtime/pool.ts'
import type { Version } from '../../../src/local-cloud/store/versions.ts'
import { createWorkerdRuntime } from '../../../src/local-cloud/worker-runtime.ts'
import { hello, onCleanup, temporaryDir } from '../harness.ts'

const log = { debug() {}, info() {}, warn() {}, error() {} }

function makePool(limits: { maxRunning: number; idleMs: number }) {
  const storageDir = temporaryDir()
  const serving = (scriptId: number): Serving | undefined => {
    if (scriptId > 9) return undefined
    const code: Version['code'] = {
      ...{
        mainModule: 'main.js',
        compatibilityDate: '2026-01-01',
        compatibilityFlags: [],
        usageModel: 'standard',
      },
      ...{ handlers: ['fetch'], namedHandlers: [], classes: [], etag: '', startupTimeMs: 0, containers: [] },
    }
    const draft = { createdOn: '', source: 'api', annotations: {}, migrationTag: null, bindings: [], code }
    const version = { ...draft, id: `version-${scriptId}`, scriptId, number: 1 }
    const modules = [{ name: 'main.js', type: 'ESModule' as const, content: Buffer.from(hello('x')) }]
    const shares = [{ version_id: version.id, percentage: 100 }]
    return {
      scriptId,
      name: `script-${scriptId}`,
      tag: String(scriptId).repeat(32),
      runnables: [{ version, modules }],
      shares,
      namespaces: [],
    }
  }
  const runtime = createWorkerdRuntime({ privateNetwork: false })
  const groups: Groups = {
    nodesOf: (node) => new Set(serving(scriptIdOf(node) ?? 0) === undefined ? [] : [node]),
    load: (nodes) => ({
      nodes: [...nodes],
      scripts: [...nodes].flatMap((node) => serving(scriptIdOf(node) ?? 0) ?? []),
      workflows: [],
      storageDir,
    }),
    hasWork: () => false,
    classesOf: () => [],
  }
  const pool = new Pool({ groups, storageDir, runtime, log, logs: new WorkerLogs(), ...limits })
  onCleanup(async () => {
    await pool.stop()
    runtime.close()
  })
  const first = (shares: Serving['shares']) => shares[0]?.version_id ?? ''
  const lease = async (scriptId: number) => {
    const found = await pool.acquire(scriptId, first)
    if (found === undefined) throw new Error('nothing serves')
    return found
  }
  const answers = ({ url, gate }: { url: URL; gate: Record<string, string> }) =>
    fetch(url, { headers: gate }).then(
      (response) => response.ok,
      () => false,
    )
  return { pool, lease, answers, first }
}

test('the least recently used Worker is evicted, unless it is in use', async () => {
  const { pool, lease, answers } = makePool({ maxRunning: 2, idleMs: 60_000 })
  const inUse = await lease(1)
  const oldest = await lease(2)
  oldest.release()
  const newest = await lease(3)
  newest.release()
  // A refresh gets the script's lock after the eviction that the third start caused, and changes nothing.
  await pool.refresh(2)
  expect(await answers(inUse)).toBe(true)
  expect(await answers(newest)).toBe(true)
  expect(await answers(oldest)).toBe(false)
  expect(await answers(await lease(2))).toBe(true)
})

test('an idle Worker is ended, unless a WebSocket keeps it awake', async () => {
  const { pool, lease, answers } = makePool({ maxRunning: 9, idleMs: 0 })
  const idle = await lease(1)
  const awake = await lease(2)
  idle.release()
  awake.upgraded()
  await pool.sweep()
  expect(await answers(idle)).toBe(false)
  expect(await answers(awake)).toBe(true)
  awake.release()
  await pool.sweep()
  expect(await answers(awake)).toBe(false)
})

test('concurrent requests share one start, and an unknown script gets no lease', async () => {
  const { pool, lease, first } = makePool({ maxRunning: 9, idleMs: 60_000 })
  const [one, two] = await Promise.all([lease(1), lease(1)])
  expect(one.url.href).toBe(two.url.href)
  expect(await pool.acquire(10, first)).toBeUndefined()
  await pool.stop()
  expect(await pool.acquire(1, first)).toBeUndefined()
})
