import { expect, test } from 'vitest'
import { appName, hosted, withFronts } from '../../../src/local-cloud/runtime/gate.ts'

const name = appName('app')
const app = hosted('app', { name, modules: true as const, script: 'export default {}' })
const inner = (privateNetwork: boolean) =>
  withFronts([app], { secret: 'a secret', marker: 'a marker', privateNetwork }).find(
    (worker) => worker.name === name,
  )

test.each([true, false])('a Worker trusts the usual certificates (private network: %s)', (privateNetwork) => {
  // Without this every call by https fails, and no local server can show that.
  expect(inner(privateNetwork)?.outboundService).toMatchObject({
    network: { tlsOptions: { trustBrowserCas: true } },
  })
})

test('a Worker has no socket of its own, and calls the internet only unless its owner allows more', () => {
  expect(inner(false)?.unsafeDirectSockets).toBeUndefined()
  expect(inner(false)?.outboundService).toMatchObject({ network: { allow: ['public'] } })
  expect(inner(true)?.outboundService).toMatchObject({ network: { allow: ['public', 'private'] } })
})
