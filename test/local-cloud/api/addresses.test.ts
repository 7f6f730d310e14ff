import { beforeEach, expect, test } from 'vitest'
import { accountId, startInlineCloud, type TestCloud } from '../harness.ts'

// wrangler replaces the routes and the custom domains of a Worker as a whole.

const zones = ['example.test', 'shop.example.test', 'other.test']
let cloud: TestCloud
beforeEach(async () => {
  cloud = await startInlineCloud(zones)
  await cloud.put('shop', {})
  await cloud.put('blog', {})
})

const zoneId = async (name: string) =>
  (await cloud.call('GET', `/zones?account.id=${accountId}&name=${name}`)).result[0].id
const routesOf = async (name: string) =>
  (await cloud.call('GET', `/zones/${await zoneId(name)}/workers/routes`)).result.map(
    ({ pattern, script }: { pattern: string; script: string }) => `${pattern} ${script}`,
  )
const domainsOf = async () =>
  (await cloud.call('GET', `/accounts/${accountId}/workers/domains`)).result.map(
    ({ hostname, service }: { hostname: string; service: string }) => `${hostname} ${service}`,
  )
const all = { override_scope: true, override_existing_origin: true, override_existing_dns_record: true }
const careful = { override_scope: true, override_existing_origin: false, override_existing_dns_record: false }
const put = (script: string, hostnames: string[], override: object = all) =>
  cloud.script('PUT', `${script}/domains/records`, {
    ...override,
    origins: hostnames.map((hostname) => ({ hostname })),
  })

test('a list of routes replaces those of the Worker in all zones, and no others', async () => {
  await cloud.script('PUT', 'blog/routes', [{ pattern: 'other.test/blog/*' }])
  await cloud.script('PUT', 'shop/routes', [{ pattern: 'example.test/a/*' }, { pattern: 'other.test/*' }])
  const replaced = await cloud.script('PUT', 'shop/routes', [
    { pattern: 'example.test/b/*', zone_name: 'example.test' },
    { pattern: '*.shop.example.test/*' },
  ])
  expect(replaced.result.map((each: { zone_name: string }) => each.zone_name)).toEqual([
    'example.test',
    'shop.example.test',
  ])
  expect(await routesOf('example.test')).toEqual(['example.test/b/* shop'])
  expect(await routesOf('shop.example.test')).toEqual(['*.shop.example.test/* shop'])
  expect(await routesOf('other.test')).toEqual(['other.test/blog/* blog'])
})

test('a refused list of routes changes nothing', async () => {
  await cloud.script('PUT', 'blog/routes', [{ pattern: 'other.test/*' }])
  await cloud.script('PUT', 'shop/routes', [{ pattern: 'example.test/a/*' }])
  const refused = async (pattern: string) =>
    (await cloud.script('PUT', 'shop/routes', [{ pattern: 'example.test/new/*' }, { pattern }])).code
  expect(await refused('other.test/*')).toBe(10_020)
  expect(await refused('nowhere.test/*')).toBe(9109)
  expect(await refused('example.test/*.js')).toBe(10_022)
  expect(await routesOf('example.test')).toEqual(['example.test/a/* shop'])
  expect((await cloud.script('PUT', 'nobody/routes', [])).code).toBe(10_007)
})

test('a changeset says what a list of custom domains would change, and changes nothing', async () => {
  await put('shop', ['old.example.test', 'same.example.test'])
  await put('blog', ['blog.example.test'])
  const record = { type: 'A', name: 'taken.example.test', content: '192.0.2.1', ttl: 1 }
  await cloud.call('POST', `/zones/${await zoneId('example.test')}/dns_records`, record)
  const origins = ['same', 'blog', 'new', 'taken'].map((name) => ({ hostname: `${name}.example.test` }))
  const { result } = await cloud.script('POST', 'shop/domains/changeset?replace_state=true', origins)
  const names = (list: { hostname: string }[]) => list.map(({ hostname }) => hostname.split('.')[0])
  expect(names(result.added)).toEqual(['new'])
  expect(names(result.removed)).toEqual(['old'])
  expect(names(result.conflicting)).toEqual(['taken'])
  expect(result.updated.map((each: { modified: boolean }) => each.modified)).toEqual([false, true])
  expect(await domainsOf()).toHaveLength(3)
  const [updated] = result.updated
  const read = await cloud.call('GET', `/accounts/${accountId}/workers/domains/records/${updated.id}`)
  expect(read.result).toMatchObject({ hostname: 'same.example.test', service: 'shop', enabled: true })
})

test('custom domains are replaced as a whole; names of others are taken over only if the request allows it', async () => {
  await put('shop', ['old.example.test', 'off.example.test'])
  await put('blog', ['blog.example.test'])
  expect((await put('shop', ['blog.example.test'], careful)).code).toBe(100_116)
  const record = { type: 'A', name: 'taken.example.test', content: '192.0.2.1', ttl: 1 }
  await cloud.call('POST', `/zones/${await zoneId('example.test')}/dns_records`, record)
  expect((await put('shop', ['taken.example.test'], careful)).code).toBe(100_117)
  expect(await domainsOf()).toHaveLength(3)
  const origins = [
    { hostname: 'blog.example.test' },
    { hostname: 'taken.example.test' },
    { hostname: 'off.example.test', enabled: false },
  ]
  await cloud.script('PUT', 'shop/domains/records', { ...all, origins })
  expect(await domainsOf()).toEqual(['blog.example.test shop', 'taken.example.test shop'])
  const listed = await cloud.call('GET', `/accounts/${accountId}/workers/domains/records?service=shop`)
  expect(listed.result).toHaveLength(2)
})
