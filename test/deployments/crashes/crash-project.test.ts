import { createHash } from 'node:crypto'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { accountId } from '../../local-cloud/harness.ts'
import { hello, type Runner, startWorld, type World } from '../harness.ts'
import { enumerate, moments } from './crash.ts'
import { startLanes } from './mortals.ts'

// Real processes start and die here, many of them.
vi.setConfig({ testTimeout: 900_000 })

let world: World
let runs: Awaited<ReturnType<typeof startLanes>>
let heir: Runner
beforeAll(async () => {
  world = await startWorld({ workerd: true })
  heir = await world.worker()
  runs = await startLanes(world, moments.length)
})
afterAll(async () => {
  await runs?.stop()
  await world?.stop()
})

let made = 0
const steps = ['provision_resources', 'migrate_database']
const sql = 'CREATE TABLE visits (id INTEGER PRIMARY KEY);\nINSERT INTO visits DEFAULT VALUES;'
const digest = createHash('sha256').update(sql).digest('hex')

async function sendMigration(): Promise<void> {
  await world.call(`/deploy/blobs/${digest}`, {
    ...{ method: 'PUT', raw: sql, headers: { 'content-type': 'application/octet-stream' } },
  })
}

const account = async (path: string, body?: object) =>
  (await world.callCloud(body === undefined ? 'GET' : 'POST', `/accounts/${accountId}${path}`, body)).result

test('a crash anywhere creates each resource once and applies each migration once', async () => {
  await sendMigration()
  const appOf = new Map<string, string>()
  const points = await enumerate(
    world,
    { lanes: runs.lanes, heir },
    {
      title: 'a project with a KV namespace and a database',
      jobs: steps,
      until: 'deploy_worker',
      async begin() {
        const appName = `project-${++made}`
        const provision = (suffix: string) => ({ provision: { name: `${appName}-${suffix}`, create: true } })
        const config = {
          ...{ appName, script: hello(appName) },
          bindings: [
            { type: 'kv_namespace', name: 'CACHE', ...provision('cache') },
            { type: 'd1', name: 'DB', ...provision('db') },
          ],
          databases: [{ binding: 'DB', files: [{ name: '0001_visits.sql', digest }] }],
        }
        const id = await world.started(config, { maxRetries: 0 })
        appOf.set(id, appName)
        return id
      },
      async check(id) {
        const app = appOf.get(id) ?? ''
        const namespaces = await account('/storage/kv/namespaces?per_page=100')
        expect(namespaces.filter(({ title }: { title: string }) => title === `${app}-cache`)).toHaveLength(1)
        const found = await account(`/d1/database?name=${app}-db`)
        const own = found.filter(({ name }: { name: string }) => name === `${app}-db`)
        expect(own).toHaveLength(1)
        const query = { sql: 'SELECT count(*) AS n FROM visits UNION ALL SELECT count(*) FROM d1_migrations' }
        const [answer] = await account(`/d1/database/${own[0].uuid}/query`, query)
        expect(answer.results).toEqual([{ n: 1 }, { n: 1 }])
      },
    },
  )
  expect(points).toBeGreaterThanOrEqual(3 * 8)
})
