import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { accountId } from '../../local-cloud/harness.ts'
import { deliveryOf } from '../../platform/jobs/job-harness.ts'
import { startFakeGitHub } from '../github/fake-github.ts'
import { drive, hello, type Runner, startWorld, type World } from '../harness.ts'
import { enumerate, expectEnded, expectWhole } from './crash.ts'
import { type Mortals, startMortals } from './mortals.ts'

// Real processes start and die here, many of them.
vi.setConfig({ testTimeout: 900_000 })

const sha = 'a'.repeat(40)
const source = { owner: 'acme', repo: 'shop', ref: 'main' }
const hostnames = ['deep.example.test', '*.deep.example.test']

let github: Awaited<ReturnType<typeof startFakeGitHub>>
let world: World
let mortals: Mortals
let heir: Runner
let zone: string
beforeAll(async () => {
  github = await startFakeGitHub()
  github.state.refs = { 'acme/shop': { main: sha } }
  github.state.installations = [
    { id: 7, owner: 'acme', repos: ['shop'], permissions: { deployments: 'write', statuses: 'write' } },
  ]
  world = await startWorld({ env: github.env })
  heir = await world.worker()
  mortals = startMortals(world)
  zone = (await world.callCloud('GET', '/zones?name=deep.example.test')).result[0].id
})
afterAll(async () => {
  await mortals?.stop()
  await world?.stop()
  await github?.stop()
  expect(github?.violations).toEqual([])
})

const listed = async (path: string) => (await world.callCloud('GET', path)).result
/** What leads where, and whose records there are. */
async function addresses() {
  const [domains, routes, records] = await Promise.all([
    listed(`/accounts/${accountId}/workers/domains`),
    listed(`/zones/${zone}/workers/routes`),
    listed(`/zones/${zone}/dns_records`),
  ])
  return [
    ...domains.map((each: { hostname: string; service: string }) => `${each.hostname} ${each.service}`),
    ...routes.map((each: { pattern: string; script: string }) => `${each.pattern} ${each.script}`),
    ...records.map((each: { comment?: string }) => each.comment ?? 'read-only'),
  ]
}

/** What GitHub was told of a deployment, when all of that has been said: one record, and its states in order. */
async function told(id: string): Promise<string[][]> {
  for (let turns = 0; turns < 5; turns++) {
    const jobs = world.ctx.db('jobs').where({ subject: `github:${id}` })
    for (const job of await jobs.whereNull('finished_at'))
      await heir.runner.run(deliveryOf(job.id, job.queue))
  }
  const own = github.state.records.filter(({ payload }) => payload.deploymentId === id)
  return own.map(({ statuses }) => statuses.map(({ state }) => state))
}

let made = 0

test('a crash anywhere in GitHub reports, host names or their removal is recovered', async () => {
  // Without a present address, the version cannot be checked before its host names are routed.
  const good = await world.started({ appName: 'named', script: hello('good'), workersDev: false })
  await drive(world, heir, good)
  await enumerate(
    world,
    { lanes: [{ mortals, ways: [world.proxy, github] }], heir },
    {
      title: 'a further deployment with host names that is not healthy',
      jobs: ['cloudflare_auth', 'configure_dns', 'rollback'],
      begin: () => {
        const sick = { healthCheck: { path: '/', expectStatus: 299, timeoutSeconds: 1 } }
        const config = {
          appName: 'named',
          script: hello(`bad ${++made}`),
          hostnames,
          github: source,
          ...sick,
        }
        return world.started(config, { maxRetries: 0 })
      },
      async check(id) {
        await expectEnded(world, id, 'rolled_back')
        expect(await addresses()).toEqual([])
        const serving = (await world.versions('named')).find(({ state }) => state === 'serving')
        expect(serving?.deploymentId).toBe(good)
        expect(await told(id)).toEqual([['in_progress', 'failure']])
      },
    },
  )
})

test('a crash anywhere in a first deployment with host names is recovered', async () => {
  await enumerate(
    world,
    { lanes: [{ mortals, ways: [world.proxy] }], heir },
    {
      title: 'host names',
      jobs: ['configure_dns'],
      begin: () => world.started({ appName: `first-${++made}`, hostnames }, { maxRetries: 0 }),
      async check(id) {
        const { appName } = (await world.status(id)).metadata
        const script = `${appName}-staging`
        await expectWhole(world, script, { id, text: 'hello' })
        expect(await addresses()).toEqual([
          `${hostnames[0]} ${script}`,
          `${hostnames[1]} ${script}`,
          id,
          'read-only',
        ])
        const answer = await world.call(`/deploy/apps/${appName}/staging`, {
          ...{ method: 'DELETE', json: { confirm: appName } },
        })
        const job = await world.ctx.db('jobs').where({ id: answer.json.data.jobId }).first()
        await heir.runner.run(deliveryOf(job.id, job.queue))
        expect(await addresses()).toEqual([])
      },
    },
  )
})
