import { defineConfig, mergeConfig } from 'vitest/config'
import { crashTests, shared } from './vitest.config.ts'

/** Kills, pauses and bad answers at every outside call; `npm test` has a sample of them. */
export default mergeConfig(shared, defineConfig({ test: { include: crashTests, maxWorkers: 2 } }))
