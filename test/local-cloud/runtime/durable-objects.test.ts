import { mkdirSync, readdirSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import {
  accountId,
  counter,
  counterBinding,
  firstMigration,
  startCloud,
  temporaryDir,
  versionIdOf,
} from '../harness.ts'

async function deployCounter(cloud: Awaited<ReturnType<typeof startCloud>>, name = 'counts') {
  const bindings = [counterBinding()]
  const first = await cloud.put(name, { bindings, migrations: firstMigration }, counter('one'))
  expect(first.message).toBe('')
  await cloud.publish(name)
  return first
}

test('a count survives a new version, a rollback and a restart', async () => {
  const dataDir = temporaryDir()
  const cloud = await startCloud(dataDir)
  const first = await deployCounter(cloud)
  expect(await cloud.get('counts')).toEqual({ status: 200, text: 'one 1' })

  const second = await cloud.upload('counts', { bindings: [counterBinding()] }, counter('two'))
  expect(await cloud.get('counts')).toEqual({ status: 200, text: 'one 2' })
  expect((await cloud.deploy('counts', second.result.id)).status).toBe(200)
  expect(await cloud.get('counts')).toEqual({ status: 200, text: 'two 3' })

  expect((await cloud.deploy('counts', versionIdOf(first))).status).toBe(200)
  expect(await cloud.get('counts')).toEqual({ status: 200, text: 'one 4' })

  await cloud.stop()
  const again = await startCloud(dataDir)
  expect(await again.get('counts')).toEqual({ status: 200, text: 'one 5' })
})

test('a count survives the renaming of its class and is deleted with the class', async () => {
  const cloud = await startCloud()
  await deployCounter(cloud)
  await cloud.get('counts')
  const namespaces = async () =>
    (await cloud.call('GET', `/accounts/${accountId}/workers/durable_objects/namespaces`)).result
  const [before] = await namespaces()
  expect(before).toMatchObject({ class: 'Counter', script: 'counts', use_sqlite: true })

  const renamed = await cloud.put(
    'counts',
    {
      bindings: [counterBinding('Tally')],
      migrations: { old_tag: 'v1', new_tag: 'v2', renamed_classes: [{ from: 'Counter', to: 'Tally' }] },
    },
    counter('two', 'Tally'),
  )
  expect(renamed.result.migration_tag).toBe('v2')
  expect(await namespaces()).toEqual([{ ...before, class: 'Tally', name: 'counts_Tally' }])
  expect((await cloud.get('counts')).text).toBe('two 2')

  const deletion = { old_tag: 'v2', new_tag: 'v3', deleted_classes: ['Tally'] }
  const stillBound = { bindings: [counterBinding('Tally')], migrations: deletion }
  expect((await cloud.put('counts', stillBound, counter('x', 'Tally'))).code).toBe(10061)
  expect((await cloud.put('counts', { migrations: deletion })).status).toBe(200)
  expect(await namespaces()).toEqual([])
  const anew = { old_tag: 'v3', new_tag: 'v4', new_sqlite_classes: ['Tally'] }
  await cloud.put(
    'counts',
    { bindings: [counterBinding('Tally')], migrations: anew },
    counter('three', 'Tally'),
  )
  expect((await cloud.get('counts')).text).toBe('three 1')
})

test('data is deleted with its script, even if the process ended before it deleted the files', async () => {
  const dataDir = temporaryDir()
  const cloud = await startCloud(dataDir)
  await deployCounter(cloud)
  await cloud.get('counts')
  const objects = join(dataDir, 'storage/do')
  expect(readdirSync(objects)).toHaveLength(1)
  expect((await cloud.script('DELETE', 'counts')).code).toBe(10064)
  expect((await cloud.get('counts')).text).toBe('one 2')
  await cloud.script('DELETE', 'counts?force=true')
  expect(readdirSync(objects)).toEqual([])
  await deployCounter(cloud)
  expect((await cloud.get('counts')).text).toBe('one 1')
  await cloud.stop()
  mkdirSync(join(objects, 'f'.repeat(32)), { recursive: true })
  await startCloud(dataDir)
  expect(readdirSync(objects)).toHaveLength(1)
})

test('data that an earlier version of Capstan stored by script is still there', async () => {
  const dataDir = temporaryDir()
  const cloud = await startCloud(dataDir)
  await deployCounter(cloud)
  expect((await cloud.get('counts')).text).toBe('one 1')
  await cloud.stop()
  const script = join(dataDir, 'workers', 'a'.repeat(32))
  mkdirSync(script, { recursive: true })
  renameSync(join(dataDir, 'storage/do'), join(script, 'do'))
  expect((await (await startCloud(dataDir)).get('counts')).text).toBe('one 2')
})

test('each invalid use of classes has its own error code and changes nothing', async () => {
  const cloud = await startCloud()
  const bindings = [counterBinding()]
  expect((await cloud.put('counts', { bindings }, counter('x'))).code).toBe(10061)
  const migrations = firstMigration
  expect((await cloud.put('counts', { migrations })).code).toBe(10070)
  const first = await deployCounter(cloud)

  expect((await cloud.put('counts', { bindings, migrations }, counter('x'))).code).toBe(10079)
  const again = { ...migrations, old_tag: 'v1', new_tag: 'v2' }
  expect((await cloud.put('counts', { bindings, migrations: again }, counter('x'))).code).toBe(10074)
  expect((await cloud.put('counts', {})).code).toBe(10064)
  expect((await cloud.upload('counts', {})).code).toBe(10064)
  expect((await cloud.upload('counts', { bindings, migrations }, counter('x'))).code).toBe(10211)
  const foreign = [{ ...counterBinding(), script_name: 'another' }]
  expect((await cloud.put('counts', { bindings: foreign }, counter('x'))).code).toBe(10143)
  expect((await cloud.script('GET', 'counts/versions')).result.items).toHaveLength(1)
  expect((await cloud.get('counts')).text).toBe('one 1')

  // A version from before a migration can't be deployed again.
  const second = { old_tag: 'v1', new_tag: 'v2', new_sqlite_classes: ['More'] }
  const more = counter('two').map((module) => ({
    ...module,
    content: `${module.content}\nexport class More {}`,
  }))
  expect((await cloud.put('counts', { bindings, migrations: second }, more)).status).toBe(200)
  const back = await cloud.deploy('counts', versionIdOf(first))
  expect([back.code, back.message]).toEqual([10064, expect.stringMatching(/'More'.*migration tag v1/)])
})

test('containers are recorded for an existing class, and the response says that none runs', async () => {
  const cloud = await startCloud()
  const bindings = [counterBinding()]
  const containers = [{ class_name: 'Counter', images: { default: 'registry.example/app@sha256:0' } }]
  const reply = await cloud.put('boxed', { bindings, containers, migrations: firstMigration }, counter('x'))
  expect(reply.body.messages[0].message).toMatch(/do not run/)
  const unknown = [{ class_name: 'Nobody' }]
  expect((await cloud.put('boxed', { bindings, containers: unknown }, counter('x'))).code).toBe(10061)
})
