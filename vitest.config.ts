import { configDefaults, defineConfig, mergeConfig } from 'vitest/config'

/** Too many real processes for every run of the tests: `npm run test:crash` runs these. */
export const enumerated = [
  'test/deployments/crashes/crash-!(first).test.ts',
  'test/deployments/load/weather.test.ts',
  'test/deployments/load/crowd.test.ts',
  'test/orchestrators/polling/crash.test.ts',
]

export const shared = defineConfig({
  test: {
    globalSetup: ['test/global-setup.ts'],
    pool: 'forks',
    maxWorkers: 2,
    // Files of one worker share what they import, which is most of the work of the small ones. None may leave a global behind.
    isolate: false,
    // A CI machine pauses for seconds at times, and leases are short; what needed its second try is printed.
    retry: process.env.CI === undefined ? 0 : 1,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    teardownTimeout: 30_000,
  },
})

export default mergeConfig(
  shared,
  defineConfig({
    test: { include: ['test/**/*.test.ts'], exclude: [...configDefaults.exclude, ...enumerated] },
  }),
)
