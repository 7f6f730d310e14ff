import { expect, test } from 'vitest'
import { WorkerLogs } from '../../../src/local-cloud/runtime/worker-logs.ts'

test('a refused call to this machine is named, without the stack of the runtime', () => {
  const logs = new WorkerLogs()
  const written =
    'kj/async-io-unix.c++:1650: failed: connect() blocked by restrictPeers()\nstack: /a/workerd@53fcde0'
  logs.add('shop', 'error', written)
  expect(logs.of('shop').map(({ text }) => text)).toEqual([
    'A call to this machine or its network was refused; LOCAL_CLOUD_PRIVATE_NETWORK=allow permits such calls.',
  ])
})
