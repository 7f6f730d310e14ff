import { startLocalCloud } from '../../src/local-cloud/index.ts'

/** Runs a cloud in its own process, for tests that kill it. It sends its port and exits with 42 after a normal stop. */
const [dataDir = '', accountId = '', token = ''] = process.argv.slice(2)
const log = { debug() {}, info() {}, warn() {}, error() {} }
const cloud = await startLocalCloud({ host: '127.0.0.1', port: 0, dataDir, accountId, token, log })
process.once('SIGTERM', () => {
  void cloud.stop().then(() => process.exit(42))
})
process.send?.(cloud.port)
