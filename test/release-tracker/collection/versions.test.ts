import { describe, expect, it } from 'vitest'
import { image, useClusterReader } from './cluster-reader.ts'
import { digestFor, type Json } from './fake-cluster.ts'

const shaOf = (tag: string, name = 'app') => digestFor(`registry.example.org/${name}:${tag}`)

describe('the version of a container', () => {
  const reader = useClusterReader()
  const deploy = (replicas: number, ...containers: Json[]) => {
    const { cluster, namespace } = reader
    cluster.apply('Deployment', namespace, 'web', { replicas, containers } as never)
    return cluster.newPods(namespace, 'web')
  }

  it('pairs each tag with its own digest when one ReplicaSet has several injected sidecars', async () => {
    const pods = deploy(3, image('1'))
    reader.change(pods, (pod, n) => pod.spec.containers.push(image(n === 2 ? '1.2' : '1.1', 'mesh')))
    reader.cluster.settle(reader.namespace)
    const found = await reader.read()
    const mesh = found.find(({ container }) => container === 'mesh')
    expect(mesh).toMatchObject({
      image: { tag: '1.1', sha: shaOf('1.1', 'mesh') },
      pods: 2,
      state: 'progressing',
    })
    expect(mesh?.images.map(({ image_tag, image_sha, pods }) => [image_tag, image_sha, pods])).toEqual(
      expect.arrayContaining([
        ['1.1', shaOf('1.1', 'mesh'), 2],
        ['1.2', shaOf('1.2', 'mesh'), 1],
      ]),
    )
    expect(found.find(({ container }) => container === 'app')).toMatchObject({ state: 'current', pods: 3 })
  })

  it('counts a pod that was edited by hand as another image', async () => {
    const pods = deploy(3, image('1'))
    reader.cluster.settle(reader.namespace)
    reader.change(pods.slice(0, 1), (pod) => {
      pod.spec.containers[0].image = image('9').image
      reader.cluster.becomeReady(pod)
    })
    expect(await reader.only()).toMatchObject({
      image: { tag: '1', sha: shaOf('1') },
      pods: 2,
      state: 'progressing',
    })
    expect((await reader.only())?.images).toHaveLength(2)
    expect((await reader.only())?.images).toContainEqual({ image_tag: '9', image_sha: shaOf('9'), pods: 1 })
  })

  it('does not pair the old digest with a new tag while the node still runs the old image', async () => {
    const pods = deploy(2, image('1'))
    reader.cluster.settle(reader.namespace)
    reader.change(pods.slice(0, 1), (pod) => {
      pod.spec.containers[0].image = image('9').image
    })
    expect((await reader.only())?.images).toContainEqual({ image_tag: '9', image_sha: null, pods: 1 })
    reader.change(pods.slice(0, 1), (pod) => {
      pod.status.containerStatuses[0].image = image('9').image
      pod.metadata.generation = 2
      pod.status.observedGeneration = 1
    })
    expect((await reader.only())?.images).toContainEqual({ image_tag: '9', image_sha: null, pods: 1 })
  })

  it('keeps a digest although the node knows the content by another tag', async () => {
    const pods = deploy(1, image('1'))
    reader.cluster.settle(reader.namespace)
    reader.change(pods, (pod) => {
      pod.status.containerStatuses[0].image = 'registry.example.org/app:stable'
    })
    expect(await reader.only()).toMatchObject({ image: { tag: '1', sha: shaOf('1') }, state: 'current' })
  })

  it('is two images when a tag was pushed again within one revision', async () => {
    const pods = deploy(3, image('moving'))
    for (const pod of pods.slice(0, 2)) reader.cluster.becomeReady(pod)
    reader.cluster.setDigest(image('moving').image, 'pushed again')
    for (const pod of pods.slice(2)) reader.cluster.becomeReady(pod)
    const found = await reader.only()
    expect(found).toMatchObject({
      state: 'progressing',
      pods: 2,
      image: { sha: shaOf('moving') },
      alternatives: [shaOf('moving')],
    })
    expect(found?.images).toEqual(
      expect.arrayContaining([
        { image_tag: 'moving', image_sha: shaOf('moving'), pods: 2 },
        { image_tag: 'moving', image_sha: digestFor('pushed again'), pods: 1 },
      ]),
    )
  })

  it('is one image on nodes of different architectures, and two where a tag was pushed again besides', async () => {
    const pods = deploy(5, image('moved'))
    for (const [n, pod] of pods.entries()) reader.cluster.becomeReady(pod, n < 3 ? 'amd64' : 'arm64')
    const one = await reader.only()
    expect(one).toMatchObject({ state: 'current', pods: 5 })
    expect(one?.images).toHaveLength(1)
    expect(one?.images[0]?.image_shas).toHaveLength(2)
    reader.cluster.setDigest(image('moved').image, 'pushed again, too')
    for (const pod of pods.slice(0, 1)) reader.cluster.becomeReady(pod, 'amd64')
    const two = await reader.only()
    expect(two).toMatchObject({ state: 'progressing', pods: 4 })
    expect(two?.images.map(({ pods: ready }) => ready).toSorted()).toEqual([1, 4])
  })

  it('is two images where nothing says that the nodes differ, and one where the pods themselves say it', async () => {
    const pods = deploy(2, image('1'))
    for (const [n, pod] of pods.entries()) reader.cluster.becomeReady(pod, n === 0 ? 'amd64' : 'arm64')
    reader.cluster.rules.push({ path: '/api/v1/nodes', answer: 'forbidden' })
    expect(await reader.only()).toMatchObject({ state: 'progressing', pods: 1 })
    reader.change(pods, (pod, n) => {
      pod.spec.nodeSelector = { 'kubernetes.io/arch': n === 0 ? 'amd64' : 'arm64' }
    })
    expect(await reader.only()).toMatchObject({ state: 'current', pods: 2 })
  })

  it('reads nodes only where their architecture could matter', async () => {
    deploy(2, image('1'))
    reader.cluster.settle(reader.namespace)
    await reader.only()
    expect(reader.cluster.requests.filter((line) => line.includes('/nodes'))).toEqual([])
  })

  it('is the newer image of a tie: by revision, then by pod', async () => {
    const pods = deploy(2, image('1'))
    reader.change(pods, (pod, n) => pod.spec.containers.push(image(`1.${n}`, 'mesh')))
    reader.cluster.settle(reader.namespace)
    const mesh = (await reader.read()).find(({ container }) => container === 'mesh')
    expect(mesh?.image).toMatchObject({ tag: '1.1' })
    reader.change(pods.slice(0, 1), (pod) => {
      pod.metadata.creationTimestamp = '2030-01-01T00:00:00Z'
    })
    const again = (await reader.read()).find(({ container }) => container === 'mesh')
    expect(again?.image).toMatchObject({ tag: '1.0' })
  })

  it.each([
    ['an empty one', ''],
    ['the configuration of a local image', `docker://${digestFor('a configuration')}`],
    ['a bare digest', digestFor('a configuration')],
  ])('has an unknown digest where the image id is useless: %s', async (_name, imageID) => {
    deploy(2, image('1'))
    reader.cluster.settle(reader.namespace)
    const pods = deploy(2, image('2'))
    reader.cluster.settle(reader.namespace)
    for (const pod of reader.cluster.newPods(reader.namespace, 'web'))
      reader.extensions.report(pod, 'app', imageID)
    expect(pods).not.toHaveLength(0)
    expect(await reader.only()).toMatchObject({
      ...{ image: { tag: '2', sha: null }, tentative: false, state: 'current', pods: 2 },
      images: [{ image_tag: '2', image_sha: null, pods: 2 }],
    })
  })

  it('has the digest of the pods that report one', async () => {
    const pods = deploy(3, image('1'))
    reader.cluster.settle(reader.namespace)
    for (const pod of pods.slice(1)) reader.extensions.report(pod, 'app', '')
    expect(await reader.only()).toMatchObject({
      image: { tag: '1', sha: shaOf('1') },
      state: 'current',
      pods: 3,
    })
  })

  it('takes the digest that its reference pins, whatever the node reports', async () => {
    const pin = digestFor('the index')
    const pods = deploy(2, { name: 'app', image: `registry.example.org/app:1@${pin}` })
    reader.cluster.settle(reader.namespace)
    reader.extensions.report(pods[0] ?? {}, 'app', `registry.example.org/app@${digestFor('one manifest')}`)
    expect(await reader.only()).toMatchObject({ image: { tag: '1', sha: pin }, state: 'current', pods: 2 })
  })
})

describe('the state of a container', () => {
  const reader = useClusterReader()

  it.each(['updatedNumberScheduled', 'a ControllerRevision'])(
    'is current for a DaemonSet whose images admission rewrites, by %s',
    async (by) => {
      const { cluster, namespace, extensions } = reader
      const agent = cluster.apply('DaemonSet', namespace, 'agent', { replicas: 2, containers: [image('1')] })
      const pods = cluster.pods('DaemonSet', namespace, 'agent')
      reader.change(pods, (pod) => {
        pod.spec.containers[0].image = 'mirror.example.org/app:1'
        cluster.becomeReady(pod)
      })
      if (by === 'updatedNumberScheduled') agent.status.updatedNumberScheduled = 2
      else {
        extensions.revision(agent, 1, 'older', [image('0')])
        const hash = String(pods[0]?.metadata.labels['controller-revision-hash']).slice('agent-'.length)
        extensions.revision(agent, 2, hash, [image('1')])
      }
      expect(await reader.only()).toMatchObject({
        ...{ state: 'current', pods: 2, image: { repo: 'mirror.example.org', tag: '1' } },
      })
    },
  )

  it('is progressing while a DaemonSet’s controller has not seen the newest template', async () => {
    const { cluster, namespace } = reader
    const agent = cluster.apply('DaemonSet', namespace, 'agent', { replicas: 2, containers: [image('1')] })
    cluster.settle(namespace)
    agent.spec.template.spec.containers = [image('2')]
    agent.metadata.generation++
    expect(await reader.only()).toMatchObject({ state: 'progressing', image: { tag: '1' }, pods: 2 })
  })

  it('is degraded for a CronJob whose newest run failed for good, with that run’s version', async () => {
    const { cluster, namespace, extensions } = reader
    cluster.apply('CronJob', namespace, 'cron', { containers: [image('1')] })
    cluster.succeed(cluster.runCronJob(namespace, 'cron'))
    cluster.apply('CronJob', namespace, 'cron', { containers: [image('2')] })
    const pod = cluster.runCronJob(namespace, 'cron')
    extensions.failPod(pod)
    // It is tried again.
    expect(await reader.only()).toMatchObject({ state: 'progressing', tentative: true })
    const job = cluster.find('Job', namespace, pod.metadata.ownerReferences[0].name) as Json
    extensions.end(job, 'Failed')
    const failed = { state: 'degraded', tentative: false, pods: 0 }
    expect(await reader.only()).toMatchObject({ ...failed, image: { tag: '2', sha: shaOf('2') } })
    cluster.delete('Pod', namespace, pod.metadata.name)
    expect(await reader.only()).toMatchObject({ ...failed, image: { tag: '2', sha: null } })
    cluster.succeed(cluster.runCronJob(namespace, 'cron'))
    expect(await reader.only()).toMatchObject({ state: 'current', image: { tag: '2', sha: shaOf('2') } })
  })

  it('is degraded for a Job that failed for good, with or without its pods', async () => {
    const { cluster, namespace, extensions } = reader
    const job = cluster.apply('Job', namespace, 'once', { containers: [image('1')] })
    const [pod] = cluster.pods('Job', namespace, 'once')
    extensions.failPod(pod ?? {})
    extensions.end(job, 'Failed')
    const failed = { kind: 'Job', state: 'degraded', tentative: false, pods: 0 }
    expect(await reader.only()).toMatchObject({ ...failed, image: { tag: '1', sha: shaOf('1') } })
    cluster.delete('Pod', namespace, pod?.metadata.name)
    expect(await reader.only()).toMatchObject({ ...failed, image: { tag: '1', sha: null } })
  })

  it('is degraded for a Job whose image could never be pulled', async () => {
    const { cluster, namespace, extensions } = reader
    const job = cluster.apply('Job', namespace, 'once', { containers: [image('1')] })
    for (const pod of cluster.pods('Job', namespace, 'once')) cluster.fail(pod, 'ImagePullBackOff')
    extensions.end(job, 'Failed')
    expect(await reader.only()).toMatchObject({
      state: 'degraded',
      image: { tag: '1', sha: null },
      tentative: false,
    })
  })

  it('is current for a Job that is complete, also after its pods were removed', async () => {
    const { cluster, namespace, extensions } = reader
    const job = cluster.apply('Job', namespace, 'once', { containers: [image('1')] })
    for (const pod of cluster.pods('Job', namespace, 'once')) cluster.succeed(pod)
    extensions.end(job, 'Complete')
    expect(await reader.only()).toMatchObject({ state: 'current', pods: 1 })
    for (const pod of cluster.pods('Job', namespace, 'once'))
      cluster.delete('Pod', namespace, pod.metadata.name)
    expect(await reader.only()).toMatchObject({ state: 'current', pods: 0, image: { tag: '1', sha: null } })
  })
})
