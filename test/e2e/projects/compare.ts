import { expect } from 'vitest'
import type { DeployCase } from './cases.ts'
import { type startClouds, visit } from './clouds.ts'
import { comparable } from './differences.ts'
import { newIn } from './state.ts'

type Clouds = Awaited<ReturnType<typeof startClouds>>

/** Deploys a project with both programs, and expects equal states and answers. */
export async function expectEqualDeployments(clouds: Clouds, each: DeployCase): Promise<void> {
  const [theirsBefore, oursBefore] = await clouds.states()
  await clouds.deployWithWrangler(each)
  const said = await clouds.deployWithCapstan(each)
  const [theirs, ours] = await clouds.states()
  const added = newIn(theirs, theirsBefore)
  const [worker = ''] = Object.keys(added.worker ?? {})
  expect(Object.keys(added.worker ?? {})).toEqual([worker])
  expect(comparable(newIn(ours, oursBefore)), said).toEqual(comparable(added))
  const host = each.host ?? `${worker}.localhost`
  for (const path of each.visits ?? []) {
    const answer = await visit(clouds.theirs, host, path)
    expect(comparable(await visit(clouds.ours, host, path))).toEqual(comparable(answer))
  }
}
