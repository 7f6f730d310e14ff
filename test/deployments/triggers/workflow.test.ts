import { afterAll, beforeAll, expect, test } from 'vitest'
import { accountId } from '../../local-cloud/harness.ts'
import { drive, startWorld, type World } from '../harness.ts'

// The definitions are those of the local cloud itself.
let world: World
let worker: Awaited<ReturnType<World['worker']>>
beforeAll(async () => {
  world = await startWorld()
  worker = await world.worker()
})
afterAll(() => world?.stop())

const workflow = `/accounts/${accountId}/workflows/orders`
const presentOf = async () => {
  const { result } = await world.callCloud('GET', workflow)
  const [version] = (await world.callCloud('GET', `${workflow}/versions`)).result
  return [result.script_name, result.class_name, version.limits, result.schedules?.[0].cron]
}

async function deploy(className: string, definition: object) {
  const id = await world.started(
    {
      appName: 'orders',
      script: `import { WorkflowEntrypoint } from 'cloudflare:workers'
        export class ${className} extends WorkflowEntrypoint {}
        export default { fetch: () => new Response('${className}') }`,
      bindings: [{ type: 'workflow', name: 'ORDERS', workflow_name: 'orders', class_name: className }],
      workflows: [{ name: 'orders', class_name: className, ...definition }],
    },
    { maxRetries: 0 },
  )
  await drive(world, worker, id)
  expect((await world.status(id)).status, await world.messages(id)).toBe('completed')
  return id
}

async function rollBack(id: string) {
  await world.call(`/deploy/${id}/rollback`, { json: {} })
  await drive(world, worker, id)
  expect((await world.status(id)).status, await world.messages(id)).toBe('rolled_back')
}

test('a rollback restores the whole definition of a workflow', async () => {
  const limited = { limits: { steps: 20 }, schedules: [{ cron: '0 3 * * *' }] }
  const first = ['orders-staging', 'Old', { steps: 20 }, '0 3 * * *']
  await deploy('Old', limited)
  expect(await presentOf()).toEqual(first)
  const second = await deploy('New', { limits: { steps: 30 } })
  expect(await presentOf()).toEqual(['orders-staging', 'New', { steps: 30 }, undefined])
  await rollBack(second)
  expect(await presentOf()).toEqual(first)
  const third = await deploy('Old', { limits: { steps: 40 } })
  await rollBack(third)
  expect(await presentOf()).toEqual(first)
})
