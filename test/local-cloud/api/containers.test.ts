import { beforeEach, describe, expect, test } from 'vitest'
import { until } from '../../helpers/until.ts'
import {
  accountId,
  counter,
  counterBinding,
  firstMigration,
  startCloud,
  type TestCloud,
  temporaryDir,
} from '../harness.ts'

const root = `/accounts/${accountId}/containers`
const image = (digit: number) => `registry.example/app@sha256:${String(digit).repeat(64)}`

let dir: string
let cloud: TestCloud
beforeEach(async () => {
  dir = temporaryDir()
  cloud = await startCloud(dir)
})

/** Uploads a Worker with a class for containers. @returns the id of its namespace */
async function enabledClass(
  name = 'app',
  containers: object[] = [{ class_name: 'Counter' }],
): Promise<string> {
  const metadata = { bindings: [counterBinding()], migrations: firstMigration, containers }
  expect((await cloud.put(name, metadata, counter('one'))).status).toBe(200)
  const { result } = await cloud.call('GET', `/accounts/${accountId}/workers/durable_objects/namespaces`)
  return result.find((each: { script: string }) => each.script === name).id
}

const application = (namespaceId: string, more: object = {}) => ({
  ...{ name: 'app', instances: 0, max_instances: 2, scheduling_policy: 'default' },
  configuration: { image: image(1), instance_type: 'basic' },
  durable_objects: { namespace_id: namespaceId },
  ...more,
})

const create = (body: object) => cloud.call('POST', `${root}/applications`, body)

/** The reason in the message of an error. */
const reasonOf = ({ message }: { message: string }) => JSON.parse(message).error

describe('a container application', () => {
  test('is created, found, changed and deleted, and the responses say that no container runs', async () => {
    const namespace = await enabledClass()
    const made = await create(application(namespace))
    expect(made).toMatchObject({ status: 200, result: { version: 1, max_instances: 2 } })
    expect(made.body.messages[0].message).toMatch(/no container runs/)
    const path = `${root}/applications/${made.result.id}`
    expect((await cloud.call('GET', `${root}/applications?name=app`)).result).toEqual([made.result])
    expect((await cloud.call('GET', `${root}/applications?name=other`)).result).toEqual([])
    // This is wrangler's request. Its image has no effect until the rollout that follows.
    const whole = { scheduling_policy: 'default', configuration: { image: image(2), instance_type: 'lite' } }
    const edited = await cloud.call('PATCH', path, { ...whole, max_instances: 5 })
    expect(edited.result).toMatchObject({ max_instances: 5, version: 1, configuration: { image: image(1) } })
    expect((await cloud.call('GET', `${path}/instances-v2`)).result).toEqual([])
    expect((await cloud.call('GET', `${path}/versions`)).result).toMatchObject([
      { version: 1, percentage: 100 },
    ])
    const usage = await cloud.call('GET', `${root}/usage`)
    expect(usage.result.usage).toEqual({ vcpus: 1.25, memory_mib: 5120, disk_mb: 20_000, instances: 0 })
    expect((await cloud.call('GET', `${root}/me`)).result.limits.vcpu_per_deployment).toBe(4)
    expect((await cloud.call('DELETE', path)).status).toBe(200)
    expect(await cloud.call('GET', path)).toMatchObject({ status: 404, code: 1609 })
    expect(await cloud.call('DELETE', path)).toMatchObject({ status: 404, code: 1609 })
  })

  test('still exists after a restart', async () => {
    const { result } = await create(application(await enabledClass()))
    await cloud.stop()
    cloud = await startCloud(dir)
    expect((await cloud.call('GET', `${root}/applications/${result.id}`)).result).toEqual(result)
  })

  test('can be created by script and class name', async () => {
    const namespace = await enabledClass()
    const durable_objects = { script_name: 'app', class_name: 'Counter' }
    const { result } = await create(application(namespace, { durable_objects }))
    expect(result.durable_objects).toEqual({ namespace_id: namespace })
  })

  test('is rejected with the reason in the message', async () => {
    const plain = await enabledClass('plain', [])
    const refused = await create(application(plain))
    expect(refused).toMatchObject({ status: 400, code: 1607 })
    expect(reasonOf(refused)).toBe('DURABLE_OBJECT_NOT_CONTAINER_ENABLED')
    expect(reasonOf(await create(application('0'.repeat(32))))).toBe('DURABLE_OBJECT_NOT_FOUND')

    const namespace = await enabledClass()
    const large = { configuration: { image: image(1), vcpu: 8 } }
    expect(reasonOf(await create(application(namespace, large)))).toBe('SURPASSED_BASE_LIMITS')
    const many = { max_instances: 400, configuration: { image: image(1), instance_type: 'standard-4' } }
    expect(reasonOf(await create(application(namespace, many)))).toBe('SURPASSED_TOTAL_LIMITS')
    expect(reasonOf(await create(application(namespace, { max_instances: -1 })))).toBe('VALIDATE_INPUT')

    expect((await create(application(namespace))).status).toBe(200)
    const second = await create(application(namespace, { name: 'other' }))
    expect(second).toMatchObject({ status: 400, code: 1608 })
    expect(reasonOf(second)).toBe('DURABLE_OBJECT_ALREADY_HAS_APPLICATION')
  })

  test('can no longer be created for a class that the next upload leaves out', async () => {
    const namespace = await enabledClass()
    await cloud.put('app', { bindings: [counterBinding()] }, counter('two'))
    expect(reasonOf(await create(application(namespace)))).toBe('DURABLE_OBJECT_NOT_CONTAINER_ENABLED')
  })
})

describe('a rollout', () => {
  let path: string
  beforeEach(async () => {
    const { result } = await create(application(await enabledClass()))
    path = `${root}/applications/${result.id}`
  })

  const roll = (digit: number, more: object = {}) =>
    cloud.call('POST', `${path}/rollouts`, {
      ...{ description: 'a new image', strategy: 'rolling', kind: 'full_auto', step_percentage: 100 },
      target_configuration: { image: image(digit) },
      ...more,
    })
  const rollout = async (id: string) => (await cloud.call('GET', `${path}/rollouts/${id}`)).result
  const present = async () => (await cloud.call('GET', path)).result

  test('advances automatically until the application has the new image', async () => {
    const begun = await roll(2, { step_percentage: 50 })
    expect(begun.result).toMatchObject({ status: 'pending', current_version: 1, target_version: 2 })
    await until(async () => (await rollout(begun.result.id)).status === 'completed')
    const now = await present()
    expect(now).toMatchObject({ version: 2, configuration: { image: image(2), instance_type: 'basic' } })
    expect(now).not.toHaveProperty('active_rollout_id')
  })

  test('can be reverted while it is in progress but not afterwards', async () => {
    const { result } = await roll(2, { kind: 'full_manual' })
    const reverted = await cloud.call('POST', `${path}/rollouts/${result.id}`, { action: 'revert' })
    expect(reverted.status).toBe(200)
    expect((await rollout(result.id)).status).toBe('reverted')
    expect(await present()).toMatchObject({ version: 1, configuration: { image: image(1) } })
    const again = await cloud.call('POST', `${path}/rollouts/${result.id}`, { action: 'revert' })
    expect(reasonOf(again)).toBe('VALIDATE_INPUT')
  })

  test('of the manual kind advances step by step', async () => {
    const { result } = await roll(2, { kind: 'full_manual', step_percentage: 50 })
    const next = () => cloud.call('POST', `${path}/rollouts/${result.id}`, { action: 'next' })
    await next()
    expect(await present()).toMatchObject({
      active_rollout_id: result.id,
      configuration: { image: image(1) },
    })
    const half = await rollout(result.id)
    expect(half.version_distribution.target_version_percentage).toBe(50)
    await next()
    expect((await rollout(result.id)).status).toBe('completed')
  })

  test('replaces a rollout in progress', async () => {
    const first = await roll(2, { kind: 'full_manual' })
    const second = await roll(3, { kind: 'full_manual' })
    expect((await rollout(first.result.id)).status).toBe('replaced')
    expect(second.result).toMatchObject({ current_version: 1, target_version: 3 })
    expect((await cloud.call('GET', `${path}/rollouts`)).result.map(({ id }: { id: string }) => id)).toEqual([
      second.result.id,
      first.result.id,
    ])
    expect(reasonOf(await cloud.call('DELETE', `${path}/rollouts/${second.result.id}`))).toBe(
      'VALIDATE_INPUT',
    )
  })
})

test('external registries are recorded; the account has its own registry only if one is configured', async () => {
  const refused = await cloud.call('POST', `${root}/registries/registry.cloudflare.com/credentials`, {
    ...{ expiration_minutes: 15, permissions: ['pull', 'push'] },
  })
  expect(refused.status).toBe(400)
  expect(reasonOf(refused)).toBe('IMAGE_REGISTRY_NOT_CONFIGURED')
  const auth = { public_credential: 'me', private_credential: { store_id: 's', secret_name: 'n' } }
  const made = await cloud.call('POST', `${root}/registries`, {
    domain: 'docker.io',
    kind: 'DockerHub',
    auth,
  })
  expect((await cloud.call('GET', `${root}/registries`)).result).toEqual([made.result])
  expect((await cloud.call('DELETE', `${root}/registries/docker.io`)).result).toEqual({ domain: 'docker.io' })
})
