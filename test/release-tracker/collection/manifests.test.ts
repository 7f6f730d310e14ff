import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadAllYaml } from '@kubernetes/client-node'
import { expect, it } from 'vitest'
import { loadConfig } from '../../../src/config.ts'
import { clusterAt } from '../../../src/release-tracker/kubernetes/client.ts'
import { startFakeCluster } from './fake-cluster.ts'

// biome-ignore lint/suspicious/noExplicitAny: manifests of every kind
type Manifest = any
const manifests = (file: string): Manifest[] =>
  loadAllYaml(readFileSync(new URL(`../../../deploy/kubernetes/${file}`, import.meta.url), 'utf8'))
const grants = (rules: { apiGroups: string[]; resources: string[] }[]) =>
  rules
    .flatMap(({ apiGroups, resources }) => resources.map((each) => `${apiGroups[0] || 'v1'}/${each}`))
    .toSorted()

it('the roles allow just what a collection reads', async () => {
  const cluster = await startFakeCluster()
  const folder = mkdtempSync(join(tmpdir(), 'capstan-manifests-'))
  try {
    writeFileSync(join(folder, 'kubeconfig'), JSON.stringify(cluster.kubeconfig()))
    const open = clusterAt({ kind: 'kubeconfig', files: [join(folder, 'kubeconfig')] })()
    await open.namespaces(AbortSignal.timeout(60_000))
    const image = { name: 'app', image: 'registry.example.org/app:1' }
    cluster.apply('DaemonSet', 'default', 'agent', { replicas: 2, containers: [image] })
    const architectures = ['amd64', 'arm64']
    for (const [n, pod] of cluster.pods('DaemonSet', 'default', 'agent').entries())
      cluster.becomeReady(pod, architectures[n])
    await open.read('default', AbortSignal.timeout(60_000))
    await open.close()
    const asked = cluster.requests.map((line) => {
      const path = line.split(/[ ?]/)[1] ?? ''
      const group = /^\/apis\/([a-z]+)\//.exec(path)?.[1] ?? 'v1'
      return `${group}/${path.split('/').at(-1)}`
    })
    const everywhere = manifests('rbac-all-namespaces.yaml').find(({ kind }) => kind === 'ClusterRole')
    expect(grants(everywhere.rules)).toEqual(asked.toSorted())
    const role = manifests('rbac.yaml').find(({ kind }) => kind === 'Role')
    const nodes = manifests('rbac.yaml').find(({ kind }) => kind === 'ClusterRole')
    const rules = [...role.rules, ...nodes.rules]
    expect(grants(rules)).toEqual(asked.filter((each) => each !== 'v1/namespaces').toSorted())
    expect(grants(nodes.rules)).toEqual(['v1/nodes'])
    for (const { verbs } of [...everywhere.rules, ...rules]) expect(verbs).toEqual(['get', 'list'])
  } finally {
    await cluster.stop()
    rmSync(folder, { recursive: true, force: true })
  }
})

it('the slave’s manifest is a configuration that starts', () => {
  const all = manifests('slave.yaml')
  const { data } = all.find(({ kind }) => kind === 'ConfigMap')
  const { stringData } = all.find(({ kind }) => kind === 'Secret')
  const DATA_DIR = mkdtempSync(join(tmpdir(), 'capstan-manifests-'))
  const config = loadConfig({ ...data, ...stringData, DATA_DIR, KUBERNETES_SERVICE_HOST: '10.0.0.1' })
  rmSync(DATA_DIR, { recursive: true, force: true })
  expect(config.releaseTracker).toMatchObject({ mode: 'slave', cluster: { kind: 'in-cluster' } })
  const { spec } = all.find(({ kind }) => kind === 'Deployment')
  const [container] = spec.template.spec.containers
  expect(spec.template.spec.serviceAccountName).toBe('capstan')
  expect(container.securityContext).toMatchObject({
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
  })
  for (const { name } of container.volumeMounts)
    expect(spec.template.spec.volumes.map((each: { name: string }) => each.name)).toContain(name)
})
