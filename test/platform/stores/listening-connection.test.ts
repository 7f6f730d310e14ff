import { expect, onTestFinished, test } from 'vitest'
import { createListener } from '../../../src/platform/events/index.ts'
import { silent } from '../../helpers/context.ts'
import { startFakePostgres } from '../../helpers/fake-postgres.ts'
import { until } from '../../helpers/until.ts'

test('a listening connection is replaced if its check fails while it stays open', async () => {
  const server = await startFakePostgres()
  onTestFinished(server.stop)
  // The self-test of notifications uses another server, so that only the listening connection is counted.
  const elsewhere = await startFakePostgres()
  onTestFinished(elsewhere.stop)
  const listener = createListener(elsewhere.url, silent, server.url)
  onTestFinished(listener.stop)
  let connections = 0
  listener.onConnect(() => {
    connections += 1
  })
  await listener.start()
  expect([server.accepted(), connections]).toEqual([1, 1])
  await until(() => connections === 2, { timeoutMs: 15_000 })
  expect(server.accepted()).toBe(2)
})
