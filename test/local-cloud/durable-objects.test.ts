import { expect, test } from 'vitest'
import { counter, counterBinding, firstMigration, startCloud, temporaryDir, versionIdOf } from './harness.ts'

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
