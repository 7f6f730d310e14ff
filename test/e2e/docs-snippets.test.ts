import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { blocksOf, pages } from '../docs/markdown.ts'
import { isExecutable } from '../docs/shell-script.ts'
import { createReader, type Reader } from '../docs/snippet-runner.ts'
import { type Stack, startStack } from '../helpers/stack.ts'
import { adminPassword, signIn } from './support/client.ts'

// The snippets of a page deploy apps and publish releases, one after the other.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 90_000 })

const executable = pages.flatMap(blocksOf).filter(isExecutable)
const runs = (page: string) => executable.some((block) => block.page === page && block.skip === undefined)
/** Their commands work on the data of a stopped installation. */
const needsStop = (page: string) => page === 'docs/backup.md'

describe('the commands and requests of the documentation', () => {
  let stack: Stack
  let reader: Reader

  beforeAll(async () => {
    stack = await startStack({
      env: { ADMIN_PASSWORD: adminPassword, ORCHESTRATOR_POLL_INTERVAL: '2', ORCHESTRATOR_RPC_TIMEOUT: '1' },
    })
    const { call } = await signIn(stack)
    const created = await call('/api/v1/auth/tokens', { json: { name: 'documentation' } })
    reader = createReader(stack, { password: adminPassword, token: created.json.token })
  })

  afterAll(async () => {
    reader?.dispose()
    await stack?.dispose()
  })

  test.each(pages.filter((page) => runs(page) && !needsStop(page)))('%s', (page) => reader.follow(page))

  describe('of a stopped installation', () => {
    beforeAll(() => stack.stop())

    test.each(pages.filter((page) => runs(page) && needsStop(page)))('%s', (page) => reader.follow(page))
  })

  test('are executed, except for these', () => {
    const reasons = executable.flatMap(({ skip }) => (skip === undefined ? [] : [skip]))
    const counts = Object.fromEntries(
      Map.groupBy(reasons, (reason) => reason)
        .entries()
        .map(([reason, all]) => [reason, all.length]),
    )
    expect(counts).toEqual({
      'installs the command, which the tests have': 1,
      'needs a Kubernetes cluster': 1,
      'needs a PostgreSQL of your own': 1,
      'needs Docker': 2,
      'needs Docker and a domain': 1,
      'needs a service elsewhere': 1,
      'needs an app that writes data points': 1,
      'needs psql': 1,
      'replaces the running installation': 1,
      'runs the tests themselves': 1,
      'starts a process that does not end': 1,
      'starts an installation': 1,
      'starts the installation in which the other snippets run': 2,
      'takes twenty minutes': 1,
      'test/e2e/wrangler runs it': 1,
    })
  })
})
