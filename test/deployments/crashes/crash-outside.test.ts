import { Agent } from 'undici'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createGitHub } from '../../../src/deployments/github/index.ts'
import { createGitHubRecords } from '../../../src/deployments/github/records.ts'
import { configureHostnames, withdrawHostnames } from '../../../src/deployments/hostnames/index.ts'
import { createAddresses } from '../../../src/deployments/targets/addresses.ts'
import { createTargets, type Target } from '../../../src/deployments/targets/targets.ts'
import { createVault } from '../../../src/deployments/targets/vault.ts'
import { createDb } from '../../../src/platform/postgres/db.ts'
import { accountId } from '../../local-cloud/harness.ts'
import type { ApiCall, Fault } from '../cloudflare/fault-proxy.ts'
import { startFakeGitHub } from '../github/fake-github.ts'
import { drive, startWorld, type World } from '../harness.ts'
import { type Moment, moments } from './crash.ts'

const sha = 'a'.repeat(40)
let world: World
let github: Awaited<ReturnType<typeof startFakeGitHub>>
let worker: Awaited<ReturnType<World['worker']>>
let target: Target
const dispatcher = new Agent()
let zone: string
beforeAll(async () => {
  github = await startFakeGitHub()
  github.state.refs = { 'acme/shop': { main: sha } }
  github.state.installations = [
    { id: 7, owner: 'acme', repos: ['shop'], permissions: { deployments: 'write', statuses: 'write' } },
  ]
  world = await startWorld({ env: github.env })
  worker = await world.worker()
  const { config, db } = world.ctx
  const vault = createVault(db, world.ctx.secrets)
  const localCredentials = async () => ({ accountId, apiToken: config.localCloud.token ?? '' })
  target = await createTargets({ config, db, vault, dispatcher, localCredentials }).of('staging')
  for (const name of ['names', 'others']) await world.put(name, {})
  zone = (await world.callCloud('GET', '/zones?name=deep.example.test')).result[0].id
})
afterAll(async () => {
  await world.stop()
  await github.stop()
  await dispatcher.destroy()
  expect(github.violations).toEqual([])
})

const hostnames = ['deep.example.test', '*.deep.example.test']
const domainsPath = `/accounts/${accountId}/workers/domains`

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

interface Point {
  /** The how-manieth outside call, from 1. */
  call: number
  moment: Moment
}

/**
 * Tries a death at every outside call, at every moment. `attempt` dies at the point, goes on and looks at the end. Prints the points, and fails when a call has fewer than three.
 */
async function enumerate(
  title: string,
  attempt: (point: Point) => Promise<string | undefined>,
): Promise<void> {
  const points: string[] = []
  for (let call = 1; ; call++) {
    const reached: Moment[] = []
    let name: string | undefined
    for (const moment of moments) {
      const at = await attempt({ call, moment }).catch((error: unknown) => {
        throw new Error(`${title}: died at call ${call} (${name ?? 'unnamed'}) ${moment}`, { cause: error })
      })
      if (at === undefined) break
      name = at
      reached.push(moment)
    }
    if (name === undefined) break
    points.push(...reached.map((moment) => `  ${call}. ${name}: ${moment}`))
    expect(reached).toEqual(moments)
  }
  expect(points.length).toBeGreaterThan(0)
  console.info(`${title}: ${points.length} points\n${points.join('\n')}`)
}

/**
 * Runs `work` in a "process" that dies at the point: from then on none of its calls arrive and none of its writes
 * count. @returns the call; undefined when it makes fewer.
 */
async function dieIn(
  outside: { decide(by: (call: ApiCall) => Fault | undefined): void; reset(): void },
  point: Point,
  work: (signal: AbortSignal, die: Promise<unknown>) => Promise<unknown>,
): Promise<string | undefined> {
  const death = new AbortController()
  const dead = new Promise((resolve) => death.signal.addEventListener('abort', resolve, { once: true }))
  const die = async () => death.abort(new Error('died'))
  const faults: Record<Moment, Fault> = {
    'before it is sent': { kind: 'drop', meanwhile: die },
    'after it is sent': { kind: 'lose', meanwhile: die },
    'after its answer, before our commit': { kind: 'pass', meanwhile: die },
  }
  let seen = 0
  let reached: string | undefined
  outside.decide(({ method, path }) => {
    if (death.signal.aborted) return { kind: 'drop' }
    seen += 1
    if (seen !== point.call) return undefined
    reached = `${method} ${path.replace(/[0-9a-f]{32,40}|\d{4,}/g, '{id}')}`
    return faults[point.moment]
  })
  const ended = work(death.signal, dead).catch((error: unknown) => error)
  const outcome = await ended
  outside.reset()
  if (reached !== undefined) expect(outcome).toBeInstanceOf(Error)
  return reached
}

const silentLog = { info: () => undefined, warn: () => undefined, flush: async () => undefined }
const work = (signal: AbortSignal, deploymentId: string) => ({
  ...{ zones: target.zones, signal, hostnames, script: 'names', deploymentId, log: silentLog },
})
const alive = () => AbortSignal.timeout(20_000)

test('a crash anywhere in routing host names to a Worker is recovered by the next run', async () => {
  await enumerate('host names', async (point) => {
    await clear()
    const reached = await dieIn(world.proxy, point, (signal) => configureHostnames(work(signal, 'ours')))
    await configureHostnames(work(alive(), 'ours'))
    expect(await shown()).toEqual([
      'deep.example.test names',
      '*.deep.example.test names',
      'ours',
      'read-only',
    ])
    return reached
  })
}, 90_000)

test('a crash anywhere in the removal of host names is recovered by the next run', async () => {
  await enumerate('host names, back', async (point) => {
    await clear()
    await configureHostnames(work(alive(), 'ours'))
    const back = (signal: AbortSignal) =>
      withdrawHostnames({ ...work(signal, 'ours'), marks: ['ours'], before: [] })
    const reached = await dieIn(world.proxy, point, back)
    await back(alive())
    expect(await shown()).toEqual([])
    return reached
  })
}, 90_000)

test('host names and records of other tools are not removed', async () => {
  await clear()
  await configureHostnames({ ...work(alive(), 'theirs'), script: 'others' })
  await withdrawHostnames({ ...work(alive(), 'ours'), marks: ['ours'], before: [] })
  expect(await shown()).toHaveLength(4)
})

test('a crash anywhere in a report to GitHub is recovered by the next run', async () => {
  const { config, log } = world.ctx
  let made = 0
  await enumerate('GitHub', async (point) => {
    const source = { owner: 'acme', repo: 'shop', ref: 'main' }
    const id = await world.started({ appName: `told-${++made}`, github: source })
    await drive(world, worker, id, 'cloudflare_auth')
    const db = createDb({ url: world.ctx.database.url, name: 'mortal' })
    const { publicUrl } = config
    const addresses = createAddresses(db, {} as never)
    const mortal = createGitHub({ config: config.github, dispatcher, log })
    const records = createGitHubRecords({ db, github: mortal, publicUrl, addresses })
    const reached = await dieIn(github, point, async (signal, dead) => {
      // With its process go its connections: nothing that it learnt is written.
      const gone = dead.then(() => db.destroy())
      await records.report(id, signal).finally(() => (signal.aborted ? gone : undefined))
    })
    await db.destroy()
    await world.ctx.deployments.records.report(id, alive())
    const own = github.state.records.filter(({ payload }) => payload.deploymentId === id)
    expect(own.map(({ statuses }) => statuses.map(({ state }) => state))).toEqual([['in_progress']])
    expect(github.state.commits[sha]?.[`capstan/staging/told-${made}`]).toBe('pending')
    return reached
  })
}, 90_000)
