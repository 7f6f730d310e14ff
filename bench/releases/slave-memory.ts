import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startFakeCluster } from '../../test/release-tracker/collection/fake-cluster.ts'
import { memoryOf, type Stack, startStack } from '../stack.ts'

/**
 * What all processes of a slave take together (PSS) while it collects a cluster and its master is away.
 * `node bench/releases/slave-memory.ts [workloads]`
 */
const workloads = Number(process.argv[2] ?? 500)
const dataDir = mkdtempSync(join(tmpdir(), 'capstan-bench-'))
const cluster = await startFakeCluster()
for (let n = 0; n < workloads; n++) {
  const containers = [{ name: 'app', image: `registry.example.org/app-${n}:1` }]
  cluster.apply('Deployment', 'default', `workload-${n}`, { replicas: 1, containers })
}
cluster.settle('default')
const kubeconfig = join(dataDir, 'kubeconfig')
writeFileSync(kubeconfig, JSON.stringify(cluster.kubeconfig()))
const key = 'bench-bench-bench-bench-bench-bench'
let stack: Stack | undefined
try {
  stack = await startStack(dataDir, {
    ...{ MODE: 'slave', CLIENT_NAME: 'acme', ENV_NAME: 'bench', KUBECONFIG: kubeconfig },
    ...{ MASTER_URL: 'http://127.0.0.1:9', MASTER_API_KEY: key, API_KEYS: `admin:${key}` },
  })
  const headers = { authorization: `Bearer ${key}` }
  const { base } = stack
  const known = async () =>
    (await (await fetch(`${base}/api/releases/current`, { headers })).json()) as { total: number }
  let [highest, parts] = [0, [] as string[]]
  const look = () => {
    const now = memoryOf(stack?.pid ?? 0)
    if (now.total > highest) [highest, parts] = [now.total, now.parts]
    return now
  }
  for (let total = 0; total < workloads; total = (await known()).total) look()
  for (let n = 0; n < 5; n++) {
    await fetch(`${base}/api/collect`, { method: 'POST', headers })
    for (let k = 0; k < 25; k++) {
      look()
      await new Promise((resolve) => setTimeout(resolve, 200))
    }
  }
  const end = look()
  console.log(`a slave of ${workloads} containers: ${end.total.toFixed(0)} MB PSS (${end.parts.join(', ')})`)
  console.log(`at most ${highest.toFixed(0)} MB, while credentials are read (${parts.join(', ')})`)
} finally {
  await stack?.stop()
  await cluster.stop()
  rmSync(dataDir, { recursive: true, force: true })
}
process.exit(0)
