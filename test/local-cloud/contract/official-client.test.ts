import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Cloudflare, { APIError } from 'cloudflare'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type LocalCloud, startLocalCloud } from '../../../src/local-cloud/index.ts'
import { startFaultProxy } from '../../deployments/cloudflare/fault-proxy.ts'
import { silent } from '../../helpers/context.ts'
import { until } from '../../helpers/until.ts'
import {
  accountId as account_id,
  clientOf,
  counter,
  counterBinding,
  firstMigration,
  hello,
  token,
} from '../harness.ts'

// These tests use Cloudflare's official client, through a proxy that checks requests and responses against the
// contract.
const dataDir = mkdtempSync(join(tmpdir(), 'official-client-'))
let cloud: LocalCloud
let proxy: Awaited<ReturnType<typeof startFaultProxy>>
let client: Cloudflare
let ours: ReturnType<typeof clientOf>
beforeAll(async () => {
  const zones = ['example.test']
  cloud = await startLocalCloud({
    ...{ host: '127.0.0.1', port: 0, dataDir, token, accountId: account_id, zones, log: silent },
  })
  proxy = await startFaultProxy(cloud.port)
  client = new Cloudflare({
    apiToken: token,
    baseURL: `http://127.0.0.1:${proxy.port}/client/v4`,
    maxRetries: 0,
  })
  ours = clientOf(cloud)
})
afterAll(async () => {
  await proxy.stop()
  await cloud.stop()
  rmSync(dataDir, { recursive: true, force: true })
  expect(proxy.violations).toEqual([])
})

/** The error that Cloudflare's client throws for an error response. */
async function refusalOf(call: Promise<unknown>): Promise<[number | undefined, number | undefined]> {
  try {
    await call
  } catch (error) {
    if (error instanceof APIError) return [error.status, error.errors[0]?.code]
    throw error
  }
  throw new Error('it was not refused')
}
const all = <T>(pages: AsyncIterable<T>): Promise<T[]> => Array.fromAsync(pages)

test('user, token and account', async () => {
  expect((await client.user.tokens.verify()).status).toBe('active')
  expect((await client.accounts.tokens.verify({ account_id })).status).toBe('active')
  expect((await client.user.get()) as unknown).toMatchObject({ email: 'local-cloud@localhost' })
  expect((await all(client.accounts.list())).map(({ id }) => id)).toEqual([account_id])
  expect((await client.accounts.get({ account_id })).id).toBe(account_id)
  expect(await all(client.memberships.list())).toHaveLength(1)
  const stranger = new Cloudflare({ apiToken: 'x'.repeat(40), baseURL: client.baseURL, maxRetries: 0 })
  expect(await refusalOf(stranger.user.tokens.verify())).toEqual([401, 1000])
  expect(await refusalOf(stranger.accounts.get({ account_id }))).toEqual([401, 10000])
})

test('Workers: scripts, versions, deployments, secrets, settings, addresses', async () => {
  // The client can't upload modules: it flattens the metadata into form fields.
  await ours.put('app', { bindings: [counterBinding()], migrations: firstMigration }, counter('one'))
  await ours.upload('app', { bindings: [counterBinding()] }, counter('two'))
  const { scripts } = client.workers
  expect((await all(scripts.list({ account_id }))).map(({ id }) => id)).toEqual(['app'])
  expect((await scripts.search({ account_id, name: 'app' }))[0]?.script_name).toBe('app')
  const pages = await all(scripts.versions.list('app', { account_id }))
  // The client's type omits the object that contains the list.
  const [latest] = pages.flatMap((page) => (page as { items?: typeof pages }).items ?? [page])
  const newest = latest?.id ?? ''
  expect((await scripts.versions.get(newest, { account_id, script_name: 'app' })).id).toBe(newest)
  const deployed = await scripts.deployments.create('app', {
    account_id,
    strategy: 'percentage',
    versions: [{ version_id: newest, percentage: 100 }],
  })
  expect((await scripts.deployments.get(deployed.id, { account_id, script_name: 'app' })).id).toBe(
    deployed.id,
  )
  const secret = { account_id, name: 'KEY', text: 'a', type: 'secret_text' as const }
  expect(await scripts.secrets.update('app', secret)).toMatchObject({ name: 'KEY', type: 'secret_text' })
  expect(await all(scripts.secrets.list('app', { account_id }))).toHaveLength(1)
  await scripts.secrets.delete('KEY', { account_id, script_name: 'app' })
  await scripts.settings.edit('app', { account_id, logpush: true })
  expect((await scripts.settings.get('app', { account_id })).logpush).toBe(true)
  expect((await client.workers.subdomains.get({ account_id })).subdomain).toMatch(/^local-/)
  await scripts.subdomain.create('app', { account_id, enabled: true })
  expect((await scripts.subdomain.get('app', { account_id })).enabled).toBe(true)
  await scripts.subdomain.delete('app', { account_id })
  const namespaces = await all(client.durableObjects.namespaces.list({ account_id }))
  expect(namespaces.map((each) => each.class)).toEqual(['Counter'])
  expect(await refusalOf(scripts.versions.get('0'.repeat(8), { account_id, script_name: 'app' }))).toEqual([
    404, 100146,
  ])
  expect(await refusalOf(scripts.settings.get('none', { account_id }))).toEqual([404, 10007])
})

test('zones, records, routes and custom domains', async () => {
  await ours.put('shop', {}, [{ name: 'main.js', content: hello('shop') }])
  await ours.put('other', {}, [{ name: 'main.js', content: hello('other') }])
  const [zone] = await all(client.zones.list({ name: 'example.test' }))
  const zone_id = zone?.id ?? ''
  expect((await client.zones.get({ zone_id })).name).toBe('example.test')
  expect(await refusalOf(client.zones.get({ zone_id: 'f'.repeat(32) }))).toEqual([403, 9109])

  const { records } = client.dns
  const record = { zone_id, type: 'AAAA' as const, name: 'a.example.test', content: '100::', ttl: 1 as const }
  const made = await records.create({ ...record, proxied: true, comment: 'ours' })
  expect(await refusalOf(records.create(record))).toEqual([400, 81058])
  expect(await refusalOf(records.create({ ...record, type: 'CNAME', content: 'x.test' }))).toEqual([
    400, 81053,
  ])
  await records.edit(made.id, { ...record, content: '100::1' })
  expect((await records.get(made.id, { zone_id })).content).toBe('100::1')
  await records.update(made.id, { ...record, proxied: true })
  expect(await all(records.list({ zone_id, name: { exact: 'a.example.test' } }))).toHaveLength(1)

  const { routes, domains } = client.workers
  const route = await routes.create({ zone_id, pattern: '*.example.test/api/*', script: 'shop' })
  expect(await refusalOf(routes.create({ zone_id, pattern: '*.example.test/api/*' }))).toEqual([409, 10020])
  expect(await refusalOf(routes.create({ zone_id, pattern: 'elsewhere.test/*' }))).toEqual([400, 10022])
  expect(await refusalOf(routes.create({ zone_id, pattern: 'b.example.test/*', script: 'none' }))).toEqual([
    404, 10019,
  ])
  await routes.update(route.id, { zone_id, pattern: 'example.test/*', script: 'other' })
  expect((await routes.get(route.id, { zone_id })).script).toBe('other')
  expect(await all(routes.list({ zone_id }))).toHaveLength(1)
  await routes.delete(route.id, { zone_id })
  expect(await refusalOf(routes.get(route.id, { zone_id }))).toEqual([404, 10009])

  const domain = { account_id, hostname: 'shop.example.test', service: 'shop', zone_id }
  const attached = await domains.update(domain)
  expect((await domains.update(domain)).id).toBe(attached.id)
  expect(await refusalOf(domains.update({ ...domain, service: 'other' }))).toEqual([409, 100116])
  expect(await refusalOf(domains.update({ ...domain, hostname: 'a.example.test' }))).toEqual([409, 100117])
  expect(await refusalOf(domains.update({ ...domain, service: 'none' }))).toEqual([404, 10090])
  const [own] = await all(records.list({ zone_id, name: { exact: 'shop.example.test' } }))
  expect(own).toMatchObject({ type: 'AAAA', content: '100::', proxied: true })
  expect((await refusalOf(records.delete(own?.id ?? '', { zone_id })))[0]).toBe(400)
  expect(await all(domains.list({ account_id, hostname: 'shop.example.test' }))).toHaveLength(1)
  expect((await domains.get(attached.id, { account_id })).service).toBe('shop')
  await domains.delete(attached.id, { account_id })
  expect(await refusalOf(domains.get(attached.id, { account_id }))).toEqual([404, 100114])
  expect(await all(records.list({ zone_id, name: { exact: 'shop.example.test' } }))).toEqual([])

  // Deleting a Worker also deletes its routes and domains.
  await domains.update(domain)
  await client.workers.scripts.delete('shop', { account_id, force: true })
  expect(await all(domains.list({ account_id }))).toEqual([])
  await records.delete(made.id, { zone_id })
  expect(await all(records.list({ zone_id }))).toEqual([])
})

test('containers: applications, rollouts, versions, instances, registries', async () => {
  const { applications, registries } = client.containers
  const metadata = { bindings: [counterBinding()], migrations: firstMigration }
  await ours.put('boxed', { ...metadata, containers: [{ class_name: 'Counter' }] }, counter('one'))
  const namespaces = await all(client.durableObjects.namespaces.list({ account_id }))
  const namespace_id = namespaces.find(({ script }) => script === 'boxed')?.id ?? ''
  const image = (digit: number) => `registry.example/app@sha256:${String(digit).repeat(64)}`
  const wanted = {
    ...{ account_id, name: 'boxed', instances: 0, max_instances: 2, scheduling_policy: 'default' as const },
    ...{
      configuration: { image: image(1), instance_type: 'lite' as const },
      durable_objects: { namespace_id },
    },
  }
  const { id } = (await applications.create(wanted)) as { id: string }
  // The reason is in the message; the client exposes only the code.
  expect((await refusalOf(applications.create(wanted)))[0]).toBe(400)
  expect((await all(applications.list({ account_id, name: 'boxed' }))).map((each) => each.id)).toEqual([id])
  expect(await applications.edit(id, { account_id, max_instances: 3 })).toMatchObject({ max_instances: 3 })
  const rollout = await applications.rollouts.create(id, {
    ...{ account_id, description: 'the second', strategy: 'rolling', step_percentage: 100 },
    target_configuration: { image: image(2) },
  })
  expect(rollout).toMatchObject({ description: 'the second' })
  const reached = async () => {
    const { configuration } = (await applications.get(id, { account_id })) as typeof wanted
    return configuration.image === image(2)
  }
  await until(reached, { what: 'the rollout has ended' })
  expect(await all(applications.versions.list(id, { account_id }))).toMatchObject([{ version: 2 }])
  expect(await all(applications.instances.list(id, { account_id }))).toEqual([])
  const instance = { account_id, application_id: id }
  expect((await refusalOf(applications.instances.get('0'.repeat(32), instance)))[0]).toBe(404)

  const auth = { public_credential: 'me', private_credential: { store_id: 'a', secret_name: 'b' } }
  const domain = 'docker.io'
  await registries.create({ account_id, domain, kind: 'DockerHub', auth } as never)
  expect(await all(registries.list({ account_id }))).toMatchObject([{ domain }])
  expect(await registries.delete(domain, { account_id })).toMatchObject({ domain })
  const login = { account_id, expiration_minutes: 15, permissions: ['pull' as const] }
  // No registry is configured for this cloud.
  expect((await refusalOf(registries.credentials.generate('registry.cloudflare.com', login)))[0]).toBe(400)
  await applications.delete(id, { account_id })
  expect(await refusalOf(applications.get(id, { account_id }))).toEqual([404, 1609])
  await client.workers.scripts.delete('boxed', { account_id, force: true })
})

test('other operations of the client', async () => {
  const { result } = await ours.call('GET', `/accounts/${account_id}/workers/subdomain`)
  expect((await client.workers.subdomains.update({ account_id, ...result })).subdomain).toBe(result.subdomain)
  expect(await client.workers.accountSettings.get({ account_id })).toBeDefined()
  expect(await all(client.kv.namespaces.list({ account_id }))).toEqual([])
  expect(await client.ips.list()).toMatchObject({ ipv4_cidrs: expect.any(Array) })
})
