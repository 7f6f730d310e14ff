import { defineConfig } from 'vitest/config'

/** The checks of the sources that need no server: `npm run check:architecture`. */
export default defineConfig({
  test: {
    include: ['test/architecture.test.ts', 'test/job-catalog.test.ts', 'test/route-table.test.ts'],
    pool: 'forks',
    isolate: false,
  },
})
