import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { readContainers } from '../../../src/release-tracker/collection/containers.ts'
import { clusterAt } from '../../../src/release-tracker/kubernetes/client.ts'
import { readFakeKubeconfig } from '../kubeconfig-reader.ts'
import { digestFor, type FakeCluster, startFakeCluster } from './fake-cluster.ts'

/** What a reading says of containers, one way of running them after the other. */
describe('a reading of the cluster', () => {
  let cluster: FakeCluster
  let folder: string
  let open: ReturnType<typeof clusterAt>
  let namespace = ''
  let count = 0
  beforeAll(async () => {
    cluster = await startFakeCluster()
    folder = mkdtempSync(join(tmpdir(), 'capstan-containers-'))
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
    cluster.addNamespace(namespace)
  })

  async function read() {
    const client = open()
    const objects = await client.read(namespace, AbortSignal.timeout(20_000))
    await client.close()
    return readContainers(objects)
  }
  async function only() {
    const all = await read()
    expect(all).toHaveLength(1)
    return all[0]
  }
  const app = (tag: string, name = 'app') => ({ name, image: `registry.example.org/${name}:${tag}` })
  const shaOf = (tag: string, name = 'app') => digestFor(`registry.example.org/${name}:${tag}`)

  it('has the image of main, init, sidecar and injected containers', async () => {
    cluster.apply('Deployment', namespace, 'web', {
      replicas: 2,
      initContainers: [app('1', 'migrate'), { ...app('1', 'proxy'), restartPolicy: 'Always' }],
      containers: [app('1')],
    })
    for (const pod of cluster.pods('Deployment', namespace, 'web')) pod.spec.containers.push(app('7', 'mesh'))
    cluster.settle(namespace)
    const found = await read()
    expect(
      found
        .map(({ container, image, pods, state }) => `${container} ${image?.tag} ${pods} ${state}`)
        .toSorted(),
    ).toEqual(['app 1 2 current', 'mesh 7 2 current', 'migrate 1 2 current', 'proxy 1 2 current'])
  })

  it('has each workload of every kind once', async () => {
    for (const kind of ['Deployment', 'StatefulSet', 'DaemonSet', 'ReplicaSet', 'Job'] as const)
      cluster.apply(kind, namespace, kind.toLowerCase(), { containers: [app('1')] })
    cluster.apply('CronJob', namespace, 'cron', { containers: [app('1')] })
    cluster.barePod(namespace, 'alone', { containers: [app('1')] })
    cluster.settle(namespace)
    cluster.succeed(cluster.runCronJob(namespace, 'cron'))
    const found = await read()
    expect(found.map(({ kind, workload, image }) => `${kind} ${workload} ${image?.tag}`).toSorted()).toEqual([
      'CronJob cron 1',
      'DaemonSet daemonset 1',
      'Deployment deployment 1',
      'Job job 1',
      'Pod alone 1',
      'ReplicaSet replicaset 1',
      'StatefulSet statefulset 1',
    ])
    expect(found.every(({ state }) => state === 'current')).toBe(true)
  })

  it('prefers the newer of two images that as many ready pods run', async () => {
    cluster.apply('Deployment', namespace, 'web', { replicas: 1, containers: [app('1')] })
    cluster.settle(namespace)
    cluster.apply('Deployment', namespace, 'web', { containers: [app('2')] })
    for (const pod of cluster.newPods(namespace, 'web')) cluster.becomeReady(pod)
    expect(await only()).toMatchObject({
      image: { tag: '2', sha: shaOf('2') },
      state: 'progressing',
      pods: 1,
      images: [
        { image_tag: '2', pods: 1 },
        { image_tag: '1', pods: 1 },
      ],
    })
  })

  it.each(['CrashLoopBackOff', 'ImagePullBackOff'])(
    'calls a rollout degraded when its pods never become ready: %s',
    async (reason) => {
      cluster.apply('Deployment', namespace, 'web', { replicas: 2, containers: [app('1')] })
      cluster.settle(namespace)
      cluster.apply('Deployment', namespace, 'web', { containers: [app('2')] })
      for (const pod of cluster.newPods(namespace, 'web')) cluster.fail(pod, reason)
      const found = await only()
      expect(found).toMatchObject({
        image: { tag: '1', sha: shaOf('1') },
        state: 'degraded',
        pods: 2,
        tentative: false,
      })
      const sha = reason === 'CrashLoopBackOff' ? shaOf('2') : null
      expect(found?.images).toEqual([
        { image_tag: '2', image_sha: sha, pods: 0 },
        { image_tag: '1', image_sha: shaOf('1'), pods: 2 },
      ])
    },
  )

  it('is progressing while the first pod of the new image starts', async () => {
    cluster.apply('Deployment', namespace, 'web', { replicas: 2, containers: [app('1')] })
    cluster.settle(namespace)
    cluster.apply('Deployment', namespace, 'web', { containers: [app('2')] })
    expect(await only()).toMatchObject({ image: { tag: '1' }, state: 'progressing' })
  })

  it('pairs a digest with the reference of its own revision, also after the template was rolled back', async () => {
    cluster.apply('Deployment', namespace, 'web', { replicas: 2, containers: [app('1')] })
    cluster.settle(namespace)
    cluster.apply('Deployment', namespace, 'web', { containers: [app('2')] })
    for (const pod of cluster.newPods(namespace, 'web')) cluster.becomeReady(pod)
    cluster.apply('Deployment', namespace, 'web', { containers: [app('1')] })
    const found = await only()
    expect(found?.images.map(({ image_tag, image_sha }) => `${image_tag} ${image_sha}`).toSorted()).toEqual(
      [`1 ${shaOf('1')}`, `2 ${shaOf('2')}`].toSorted(),
    )
    expect(found?.image).toMatchObject({ tag: '1', sha: shaOf('1') })
  })

  it('does not count pods of a workload of another kind with the same name and labels', async () => {
    const labels = { app: 'web' }
    cluster.apply('StatefulSet', namespace, 'web', { replicas: 5, labels, containers: [app('9')] })
    cluster.apply('Deployment', namespace, 'web', { replicas: 1, labels, containers: [app('1')] })
    cluster.settle(namespace)
    const found = await read()
    expect(found.map(({ kind, image, pods }) => `${kind} ${image?.tag} ${pods}`).toSorted()).toEqual([
      'Deployment 1 1',
      'StatefulSet 9 5',
    ])
  })

  it('does not count pods that are being deleted', async () => {
    cluster.apply('Deployment', namespace, 'web', { replicas: 2, containers: [app('1')] })
    cluster.settle(namespace)
    const [pod] = cluster.pods('Deployment', namespace, 'web')
    if (pod !== undefined) pod.metadata.deletionTimestamp = '2026-01-01T00:00:00Z'
    expect(await only()).toMatchObject({ pods: 1, state: 'current' })
  })

  it('distinguishes the two live revisions of a StatefulSet and of a DaemonSet', async () => {
    for (const kind of ['StatefulSet', 'DaemonSet'] as const) {
      cluster.apply(kind, namespace, kind.toLowerCase(), { replicas: 3, containers: [app('1')] })
    }
    cluster.settle(namespace)
    for (const kind of ['StatefulSet', 'DaemonSet'] as const) {
      cluster.apply(kind, namespace, kind.toLowerCase(), { replicas: 3, containers: [app('2')] })
      for (const pod of cluster.pods(kind, namespace, kind.toLowerCase())) cluster.becomeReady(pod)
    }
    for (const found of await read())
      expect(found).toMatchObject({
        image: { tag: '1' },
        state: 'progressing',
        pods: 2,
        images: [
          { image_tag: '2', pods: 1 },
          { image_tag: '1', pods: 2 },
        ],
      })
  })

  it('takes the digests of other architectures for the same image', async () => {
    cluster.apply('DaemonSet', namespace, 'agent', { replicas: 3, containers: [app('1')] })
    const pods = cluster.pods('DaemonSet', namespace, 'agent')
    for (const [n, pod] of pods.entries()) cluster.becomeReady(pod, n === 0 ? 'arm64' : 'amd64')
    const found = await only()
    expect(found).toMatchObject({ state: 'current', pods: 3 })
    expect(found?.images).toHaveLength(1)
    expect(found?.alternatives).toHaveLength(2)
  })

  it('has the state scaled-to-zero and no images for a workload without replicas', async () => {
    cluster.apply('Deployment', namespace, 'web', { replicas: 0, containers: [app('1')] })
    expect(await only()).toMatchObject({ state: 'scaled-to-zero', pods: 0, image: undefined, images: [] })
  })

  it('marks an image that never became ready as tentative', async () => {
    cluster.apply('Deployment', namespace, 'web', { replicas: 1, containers: [app('1')] })
    for (const pod of cluster.newPods(namespace, 'web')) cluster.fail(pod, 'CrashLoopBackOff')
    expect(await only()).toMatchObject({ image: { tag: '1' }, tentative: true, state: 'degraded', pods: 0 })
  })

  it('has the image of the last run of a CronJob', async () => {
    cluster.apply('CronJob', namespace, 'cron', { containers: [app('1')] })
    expect(await only()).toMatchObject({ image: undefined, state: 'current' })
    cluster.succeed(cluster.runCronJob(namespace, 'cron'))
    cluster.apply('CronJob', namespace, 'cron', { containers: [app('2')] })
    expect(await only()).toMatchObject({ image: { tag: '1' }, state: 'current' })
    cluster.succeed(cluster.runCronJob(namespace, 'cron'))
    expect(await only()).toMatchObject({ image: { tag: '2' }, state: 'current' })
    cluster.fail(cluster.runCronJob(namespace, 'cron'), 'CrashLoopBackOff')
    expect(await only()).toMatchObject({ state: 'degraded' })
  })

  it('ignores a pod whose owner was created between two lists', async () => {
    const set = cluster.apply('ReplicaSet', namespace, 'gone', { containers: [app('1')] })
    cluster.settle(namespace)
    const pods = cluster.pods('ReplicaSet', namespace, 'gone')
    cluster.delete('ReplicaSet', namespace, 'gone')
    for (const pod of pods) cluster.save(pod)
    expect(set.kind).toBe('ReplicaSet')
    expect(await read()).toEqual([])
  })
})
