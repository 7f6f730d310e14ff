import { afterAll, beforeAll, describe, vi } from 'vitest'
import { startStack } from '../helpers/stack.ts'
import { badInputTests } from './one-installation/bad-input.ts'
import { brokenVersionTests } from './one-installation/broken-versions.ts'
import { consoleTests } from './one-installation/console.ts'
import { releaseTests } from './one-installation/releases.ts'
import { seedTests } from './one-installation/seed.ts'
import { wranglerProjectTests } from './one-installation/wrangler-project.ts'
import { adminPassword, signIn } from './support/client.ts'
import type { Installation } from './support/installation.ts'

// Real processes start and end in these tests, which takes long on a busy machine.
vi.setConfig({ testTimeout: 90_000, hookTimeout: 90_000 })

// These tests stop no process and change no setting. A group must not depend on what the ones before it leave behind.
describe('one installation', () => {
  let installation: Installation

  beforeAll(async () => {
    const stack = await startStack({ env: { ADMIN_PASSWORD: adminPassword } })
    installation = { stack, api: await signIn(stack) }
  })

  afterAll(() => installation?.stack.dispose())

  const get = () => installation
  // First, as it compares all data.
  seedTests(get)
  badInputTests(get)
  brokenVersionTests(get)
  releaseTests(get)
  wranglerProjectTests(get)
  consoleTests(get)
})
