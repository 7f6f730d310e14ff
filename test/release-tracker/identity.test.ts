import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { image } from './collection/cluster-reader.ts'
import { digestFor } from './collection/fake-cluster.ts'
import { extensionsOf } from './collection/fake-extensions.ts'
import { expectSound, sha, startTracker, type Tracker } from './harness.ts'

describe('workloads with the same kind and name in several API groups', () => {
  let tracker: Tracker
  let name = ''
  let count = 0
  beforeAll(async () => {
    tracker = await startTracker({ cluster: true, env: { NAMESPACES: 'shop' } })
    tracker.cluster.addNamespace('shop')
  })
  afterAll(async () => {
    if (tracker !== undefined) await expectSound(tracker)
    await tracker?.stop()
  })
  beforeEach(() => {
    count++
    name = `db-${count}`
  })

  async function collect() {
    tracker.cluster.settle('shop')
    const job = await tracker.collect()
    expect(job.state, JSON.stringify(job.error)).toBe('completed')
    return job
  }
  const rows = async () =>
    (await tracker.current())
      .filter(({ workload_name }) => workload_name === name)
      .toSorted((a, b) => (a.image_tag < b.image_tag ? -1 : 1))
  const kruise = (tag: string) => {
    const extensions = extensionsOf(tracker.cluster, 'shop')
    const owner = extensions.resource('apps.kruise.io/v1beta1', 'StatefulSet', name)
    return extensions.pod(owner, { containers: [image(tag)] })
  }
  const own = (tag: string) =>
    tracker.cluster.apply('StatefulSet', 'shop', name, { containers: [image(tag)] })

  it('are two components with different names in every answer', async () => {
    own('1')
    kruise('2')
    await collect()
    await collect()
    expect(await rows()).toMatchObject([
      { workload_type: 'StatefulSet', image_tag: '1' },
      { workload_type: 'StatefulSet', workload_group: 'apps.kruise.io', image_tag: '2' },
    ])
    expect(Object.keys((await rows())[0])).not.toContain('workload_group')
    const history = async (query: string) =>
      (await tracker.history(`shop/${name}/app`, query)).json.releases.map(
        (each: { image_tag: string }) => each.image_tag,
      )
    expect((await history('')).toSorted()).toEqual(['1', '2'])
    expect(await history('?kind=StatefulSet.apps.kruise.io')).toEqual(['2'])
    expect(await history('?kind=StatefulSet.apps')).toEqual(['1'])
    expect(await tracker.badge(`StatefulSet/${name}/app`)).toBe('prod: 1')
    expect(await tracker.badge(`StatefulSet.apps.kruise.io/${name}/app`)).toBe('prod: 2')
    expect(await tracker.badge(`StatefulSet.apps/${name}/app`)).toBe('prod: 1')
    expect(await tracker.badge(`StatefulSet.example.org/${name}/app`)).toBe('prod: invalid request')
    const { text } = await tracker.call('/api/releases/current?client_name=acme&env_name=prod&format=csv')
    expect(text).toContain('apps.kruise.io')
  })

  it('are found by their kind alone if only one exists', async () => {
    kruise('2')
    await collect()
    expect(await rows()).toMatchObject([{ workload_group: 'apps.kruise.io' }])
    expect(await tracker.badge(`StatefulSet/${name}/app`)).toBe('prod: 2')
    expect(
      (await tracker.put(`shop/StatefulSet/${name}/app`, { image_tag: '3', image_sha: sha('3') })).status,
    ).toBe(200)
    expect(await rows()).toMatchObject([{ workload_group: 'apps.kruise.io', image_tag: '3' }])
  })

  it('are written apart by hand', async () => {
    const put = (kind: string, tag: string) =>
      tracker.put(`shop/${kind}/${name}/app`, { image_tag: tag, image_sha: sha(tag) })
    expect((await put('StatefulSet', '1')).status).toBe(200)
    const { json } = await put('StatefulSet.apps.kruise.io', '2')
    expect(json.component).toMatchObject({ workload_kind: 'StatefulSet', workload_group: 'apps.kruise.io' })
    expect((await rows()).map(({ image_tag }) => image_tag).toSorted()).toEqual(['1', '2'])
    expect((await put('StatefulSet.', '3')).status).toBe(400)
    expect((await put('StatefulSet.UPPER.io', '3')).json.error.details.fields[0].path).toBe('kind')
  })

  it('take over what people recorded before a collection saw them', async () => {
    const body = { image_tag: '0', image_sha: sha('0') }
    expect((await tracker.put(`shop/CloneSet/${name}/app`, body)).status).toBe(200)
    const extensions = extensionsOf(tracker.cluster, 'shop')
    extensions.pod(extensions.resource('apps.kruise.io/v1alpha1', 'CloneSet', name), {
      containers: [image('1')],
    })
    await collect()
    expect(await rows()).toMatchObject([
      { workload_type: 'CloneSet', workload_group: 'apps.kruise.io', image_tag: '1' },
    ])
    const { json } = await tracker.history(`shop/${name}/app`)
    expect(
      json.releases.map((each: { image_tag: string; ended: string }) => `${each.image_tag} ${each.ended}`),
    ).toEqual([...['1 null', '0 replaced']])
  })

  it('end under the names that they were recorded by before their owner was known', async () => {
    const extensions = extensionsOf(tracker.cluster, 'shop')
    const rollout = extensions.resource('argoproj.io/v1alpha1', 'Rollout', name)
    const set = extensions.set('ReplicaSet', undefined, { name: `${name}-aaa`, containers: [image('1')] })
    await collect()
    expect(await rows()).toEqual([])
    set.metadata.ownerReferences = [
      { apiVersion: rollout.apiVersion, kind: 'Rollout', name, uid: rollout.metadata.uid, controller: true },
    ]
    await collect()
    expect(await rows()).toMatchObject([{ workload_type: 'Rollout', workload_group: 'argoproj.io' }])
    const before = await tracker.history(`shop/${name}-aaa/app`)
    expect(before.json.releases).toMatchObject([{ image_tag: '1', ended: 'removed' }])
    expect(before.json.releases).toHaveLength(1)
  })

  it('get their digest when a node reports it, without a new interval', async () => {
    const pod = kruise('1')
    tracker.cluster.settle('shop')
    const extensions = extensionsOf(tracker.cluster, 'shop')
    extensions.report(pod, 'app', `docker://${digestFor('a configuration')}`)
    await collect()
    expect(await rows()).toMatchObject([{ image_tag: '1', image_sha: null, state: 'current', pods: 1 }])
    expect(await tracker.badge(`StatefulSet/${name}/app`)).toBe('prod: 1')
    const tags = async () => {
      const { json } = await tracker.history(`shop/${name}/app`)
      return json.releases.map((each: { image_tag: string; image_sha: string | null }) => [
        each.image_tag,
        each.image_sha,
      ])
    }
    expect(await tags()).toEqual([['1', null]])
    tracker.cluster.becomeReady(pod)
    await collect()
    expect(await tags()).toEqual([['1', digestFor(image('1').image)]])
    extensions.report(pod, 'app', '')
    await collect()
    expect(await tags()).toEqual([['1', digestFor(image('1').image)]])
    expect((await rows())[0].images).toEqual([{ image_tag: '1', image_sha: null, pods: 1 }])
  })

  it('run another version with an unknown digest, not the previous version', async () => {
    const pod = kruise('1')
    await collect()
    pod.spec.containers = [image('2')]
    tracker.cluster.becomeReady(pod)
    extensionsOf(tracker.cluster, 'shop').report(pod, 'app', '')
    await collect()
    expect(await rows()).toMatchObject([{ image_tag: '2', image_sha: null, state: 'current', pods: 1 }])
    pod.spec.containers = [image('3')]
    tracker.cluster.becomeReady(pod)
    extensionsOf(tracker.cluster, 'shop').report(pod, 'app', '')
    await collect()
    const { json } = await tracker.history(`shop/${name}/app`)
    expect(
      json.releases.map((each: { image_tag: string; ended: string }) => `${each.image_tag} ${each.ended}`),
    ).toEqual([...['3 null', '2 replaced', '1 replaced']])
  })

  it('list the optional lists that could not be read', async () => {
    tracker.cluster.rules.push({ path: 'controllerrevisions', answer: 'forbidden' })
    const { progress } = await collect()
    expect(progress.withheld).toEqual(['controllerrevisions: 403, not permitted'])
    tracker.cluster.rules.length = 0
  })
})
