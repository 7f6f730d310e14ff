import { defineConfig, mergeConfig } from 'vitest/config'
import { enumerated, shared } from './vitest.config.ts'

/** Deaths, pauses and bad answers at every outside call; `npm test` has those of a first deployment only. */
export default mergeConfig(
  shared,
  defineConfig({ test: { include: ['test/deployments/crashes/crash-first.test.ts', ...enumerated] } }),
)
