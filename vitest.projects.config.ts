import { defineConfig, mergeConfig } from 'vitest/config'
import { projectTests, shared } from './vitest.config.ts'

/** The wrangler projects that `npm test` leaves out. */
export default mergeConfig(shared, defineConfig({ test: { include: projectTests, maxWorkers: 2 } }))
