import { afterAll, beforeAll, describe } from 'vitest'
import { startR2 } from '../binary-releases/r2-server.ts'
import { type Stack, startStack } from '../helpers/stack.ts'
import { releaseTests } from './one-installation/releases.ts'

describe('an installation with a bucket', () => {
  let r2: Awaited<ReturnType<typeof startR2>>
  let stack: Stack
  beforeAll(async () => {
    r2 = await startR2()
    stack = await startStack({ env: { ...r2.env, ADMIN_PASSWORD: 'a-password-of-the-tests' } })
  }, 90_000)
  afterAll(async () => {
    await stack?.dispose()
    await r2?.stop()
  })

  releaseTests(
    () => ({ stack }),
    () => r2,
  )
})
