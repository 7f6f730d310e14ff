import { defineConfig } from 'vitest/config'
import { type ProjectName, sortTests } from './test/projects.ts'
import { LongestFirst } from './test/sequencer.ts'

/** Too many real processes for every run of the tests: `npm run test:crash` runs these. */
export const crashTests = [
  'test/deployments/crashes/crash-*.test.ts',
  'test/deployments/load/weather.test.ts',
  'test/deployments/load/crowd.test.ts',
  'test/orchestrators/polling/crash.test.ts',
]

/** Seconds of processor time for each project: `npm test` has a sample, `npm run test:projects` all of them. */
export const projectTests = [
  'test/cli/wrangler/every-project.test.ts',
  'test/e2e/projects/projects.test.ts',
  'test/e2e/wrangler/tour.test.ts',
]

export const shared = defineConfig({
  test: {
    globalSetup: ['test/global-setup.ts'],
    pool: 'forks',
    // The next run finds what this one has transformed.
    fsModuleCache: true,
    // Files of one worker share what they import, which is most of the work of the small ones. None may leave a global behind.
    isolate: false,
    // A CI machine pauses for seconds at times, and leases are short. What needed its second attempt is reported.
    retry: process.env.CI === undefined ? 0 : 1,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    teardownTimeout: 30_000,
  },
})

const tests = sortTests()

const project = (name: ProjectName) => ({
  extends: true as const,
  test: { name, include: tests[name], exclude: [...crashTests, ...projectTests] },
})

export default defineConfig({
  test: {
    ...shared.test,
    // Tests wait for servers, processes and time limits: more files run at once than there are processors.
    maxWorkers: 4,
    sequence: { sequencer: LongestFirst },
    projects: [project('e2e'), project('cloud'), project('db'), project('unit')],
  },
})
