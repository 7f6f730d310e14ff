import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect } from 'vitest'
import { readContainers } from '../../../src/release-tracker/collection/containers.ts'
import { clusterAt } from '../../../src/release-tracker/kubernetes/client.ts'
import { readFakeKubeconfig } from '../kubeconfig-reader.ts'
import { type FakeCluster, type Json, startFakeCluster } from './fake-cluster.ts'
import { extensionsOf } from './fake-extensions.ts'

/** A cluster with a fresh namespace for each test, read through its API. */
export function useClusterReader() {
  let cluster: FakeCluster
  let folder: string
  let open: ReturnType<typeof clusterAt>
  let namespace = ''
  let count = 0
  beforeAll(async () => {
    cluster = await startFakeCluster()
    folder = mkdtempSync(join(tmpdir(), 'capstan-reader-'))
    writeFileSync(join(folder, 'kubeconfig'), JSON.stringify(cluster.kubeconfig()))
    open = clusterAt({ kind: 'kubeconfig', files: [join(folder, 'kubeconfig')] }, readFakeKubeconfig)
  })
  afterAll(async () => {
    await cluster?.stop()
    rmSync(folder, { recursive: true, force: true })
  })
  beforeEach(() => {
    count++
    namespace = `ns-${count}`
    cluster.rules.length = 0
    cluster.requests.length = 0
    cluster.addNamespace(namespace)
  })

  async function read() {
    const client = open()
    try {
      return readContainers(await client.read(namespace, AbortSignal.timeout(20_000)))
    } finally {
      await client.close()
    }
  }

  return {
    get cluster() {
      return cluster
    },
    get namespace() {
      return namespace
    },
    get extensions() {
      return extensionsOf(cluster, namespace)
    },
    read,
    async only() {
      const all = await read()
      expect(all).toHaveLength(1)
      return all[0]
    },
    /** One line for each container: `kind[.group] name/container tag pods state`. */
    async lines() {
      const all = await read()
      return all
        .map(({ kind, group, workload, container, image, pods, state }) => {
          const ofGroup = group === '' ? kind : `${kind}.${group}`
          return `${ofGroup} ${workload}/${container} ${image?.tag} ${pods} ${state}`
        })
        .toSorted()
    },
    /** The pods of a workload, once each of them has been changed. */
    change(pods: Json[], change: (pod: Json, index: number) => void): void {
      for (const [index, pod] of pods.entries()) {
        change(pod, index)
        cluster.save(pod)
      }
    },
  }
}

export const image = (tag: string, name = 'app', registry = 'registry.example.org') => ({
  name,
  image: `${registry}/${name}:${tag}`,
})
