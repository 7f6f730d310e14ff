import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Stack, startStack } from '../../helpers/stack.ts'
import { projectCases } from './cases.ts'
import { startClouds, zones } from './clouds.ts'
import { expectEqualDeployments } from './compare.ts'

let stack: Stack
let clouds: Awaited<ReturnType<typeof startClouds>>

beforeAll(async () => {
  stack = await startStack({ env: { LOCAL_CLOUD_ZONES: zones.join() } })
  clouds = await startClouds(stack)
}, 180_000)

afterAll(async () => {
  await clouds?.stop()
  await stack?.dispose()
}, 60_000)

test('there are at least 15 projects', () => {
  expect(new Set(projectCases.map(({ project }) => project)).size).toBeGreaterThanOrEqual(15)
})

test.each(projectCases)(
  'wrangler deploy and capstan deploy leave the same state for $project',
  (each) => expectEqualDeployments(clouds, each),
  600_000,
)
