import { afterAll, beforeAll, expect, test } from 'vitest'
import { accountId } from '../local-cloud/harness.ts'
import { deliveryOf } from '../platform/job-harness.ts'
import { dieAt, enumerate } from './crash.ts'
import { startFakeGitHub } from './github/fake-github.ts'
import { drive, expectGapFree, hello, openJob, startWorld, type World } from './harness.ts'

type Worker = Awaited<ReturnType<World['worker']>>

const sha = 'a'.repeat(40)
let world: World
let github: Awaited<ReturnType<typeof startFakeGitHub>>
let mortal: Worker
let heir: Worker
let zone: string
beforeAll(async () => {
  github = await startFakeGitHub()
  github.state.refs = { 'acme/shop': { main: sha } }
  github.state.installations = [
    { id: 7, owner: 'acme', repos: ['shop'], permissions: { deployments: 'write', statuses: 'write' } },
  ]
  world = await startWorld({ env: github.env })
  mortal = await world.worker()
  heir = await world.worker('beside')
  zone = (await world.callCloud('GET', '/zones?name=deep.example.test')).result[0].id
})
afterAll(async () => {
  await world.stop()
  await github.stop()
  expect(github.violations).toEqual([])
})

const hostnames = ['deep.example.test', '*.deep.example.test']
const domainsPath = `/accounts/${accountId}/workers/domains`
let made = 0

type Listed = {
  id: string
  hostname?: string
  pattern?: string
  comment?: string
  service?: string
  script?: string
}[]
const listed = async (path: string): Promise<Listed> => (await world.callCloud('GET', path)).result
async function zoneState() {
  const [domains, routes, records] = await Promise.all([
    listed(domainsPath),
    listed(`/zones/${zone}/workers/routes`),
    listed(`/zones/${zone}/dns_records`),
  ])
  return { domains, routes, records }
}
/** What leads where, and whose records there are. */
async function shown() {
  const { domains, routes, records } = await zoneState()
  return [
    ...domains.map(({ hostname, service }) => `${hostname} ${service}`),
    ...routes.map(({ pattern, script }) => `${pattern} ${script}`),
    ...records.map(({ comment }) => comment ?? 'read-only'),
  ]
}
async function clear(): Promise<void> {
  const { domains, routes } = await zoneState()
  for (const { id } of domains) await world.callCloud('DELETE', `${domainsPath}/${id}`)
  for (const { id } of routes) await world.callCloud('DELETE', `/zones/${zone}/workers/routes/${id}`)
  for (const { id } of (await zoneState()).records)
    await world.callCloud('DELETE', `/zones/${zone}/dns_records/${id}`)
}

test('a death anywhere in the step that makes host names lead to the Worker is made good by the next holder', async () => {
  await drive(world, mortal, await world.started({ appName: 'names' }))
  await enumerate('configure_dns, host names', async (point) => {
    await clear()
    const id = await world.started({ appName: 'names', script: hello(`version ${++made}`), hostnames })
    await drive(world, mortal, id, 'configure_dns')
    const reached = await dieAt(world, { worker: mortal, id, point })
    await drive(world, heir, id)
    expect((await world.status(id)).status).toBe('completed')
    expect(await shown()).toEqual([
      'deep.example.test names-staging',
      '*.deep.example.test names-staging',
      id,
      'read-only',
    ])
    expectGapFree(await world.logs(id))
    return reached
  })
}, 120_000)

// After them come the calls of the version's own way back, which has its own test.
const callsOfTheNames = 9

test('a death anywhere in taking host names back is made good by the next holder', async () => {
  await enumerate('rollback, host names', async (point) => {
    if (point.call > callsOfTheNames) return undefined
    await clear()
    const id = await world.started({ appName: 'names', script: hello(`version ${++made}`), hostnames })
    await drive(world, mortal, id, 'health_check')
    await world.call(`/jobs/${(await openJob(world.ctx, id)).id}/cancel`, { method: 'POST' })
    const reached = await dieAt(world, { worker: mortal, id, point })
    await drive(world, heir, id)
    expect((await world.status(id)).status).toBe('rolled_back')
    expect(await shown()).toEqual([])
    return reached
  })
}, 120_000)

test('a death anywhere in making the record on GitHub is made good by the next holder', async () => {
  await enumerate('cloudflare_auth, GitHub', async (point) => {
    github.state.tokens.clear()
    const source = { owner: 'acme', repo: 'shop', ref: 'main' }
    const id = await world.started({ appName: 'told', script: hello(`version ${++made}`), github: source })
    await drive(world, mortal, id, 'cloudflare_auth')
    const reached = await dieAt(world, { worker: mortal, id, point, outside: github })
    await drive(world, heir, id)
    for (const job of await world.ctx
      .db('jobs')
      .where({ subject: `github:${id}` })
      .whereNull('finished_at'))
      await heir.runner.run(deliveryOf(job.id, job.queue))
    expect((await world.status(id)).status).toBe('completed')
    const records = github.state.records.filter(({ payload }) => payload.deploymentId === id)
    expect(records.map(({ statuses }) => statuses.map(({ state }) => state))).toEqual([
      ['in_progress', 'success'],
    ])
    return reached
  })
}, 120_000)
