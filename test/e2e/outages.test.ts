import { afterAll, beforeAll, describe, vi } from 'vitest'
import { canInspectProcesses, startStack } from '../helpers/stack.ts'
import { crashTests } from './outages/crashes.ts'
import { freezeTests } from './outages/frozen.ts'
import { restartTests } from './outages/restart.ts'
import { truncationTests } from './outages/truncated-tables.ts'
import { adminPassword, signIn } from './support/client.ts'
import type { Installation } from './support/installation.ts'

// Real processes start and end in these tests, which takes long on a busy machine.
vi.setConfig({ testTimeout: 90_000, hookTimeout: 90_000 })

describe.skipIf(!canInspectProcesses)('an installation', () => {
  let installation: Installation

  beforeAll(async () => {
    const stack = await startStack({ env: { ADMIN_PASSWORD: adminPassword } })
    installation = { stack, api: await signIn(stack) }
  })

  afterAll(() => installation?.stack.dispose())

  const get = () => installation
  truncationTests(get)
  crashTests(get)
  freezeTests(get)
  // Last, as it stops the installation.
  restartTests(get)
})
