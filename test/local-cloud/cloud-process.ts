import { startLocalCloud } from '../../src/local-cloud/index.ts'

/** A cloud in a process of its own, for tests that kill it; tells its port, and exits 42 after an orderly stop. */
const [dataDir = '', accountId = '', token = ''] = process.argv.slice(2)
const log = { debug() {}, info() {}, warn() {}, error() {} }
const cloud = await startLocalCloud({ host: '127.0.0.1', port: 0, dataDir, accountId, token, log })
process.once('SIGTERM', () => {
  void cloud.stop().then(() => process.exit(42))
})
process.send?.(cloud.port)
