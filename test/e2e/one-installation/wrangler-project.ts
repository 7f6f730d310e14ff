import { afterAll, beforeAll, describe, test } from 'vitest'
import { sampleCases } from '../projects/cases.ts'
import { startClouds } from '../projects/clouds.ts'
import { expectEqualDeployments } from '../projects/compare.ts'
import type { GetInstallation } from '../support/installation.ts'

/** A sample of the comparison of all projects, which is `npm run test:projects`. */
export function wranglerProjectTests(get: GetInstallation): void {
  describe('a wrangler project', () => {
    let clouds: Awaited<ReturnType<typeof startClouds>>

    beforeAll(async () => {
      clouds = await startClouds(get().stack)
    })

    afterAll(() => clouds?.stop())

    test.each(sampleCases)('wrangler deploy and capstan deploy leave the same state for $project', (each) =>
      expectEqualDeployments(clouds, each),
    )
  })
}
