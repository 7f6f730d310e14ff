import { describe, expect, it } from 'vitest'
import { image, useClusterReader } from './cluster-reader.ts'
import type { Json } from './fake-cluster.ts'

describe('the workload that a pod belongs to', () => {
  const reader = useClusterReader()
  const ready = () => reader.cluster.settle(reader.namespace)

  it.each([
    ['apps.kruise.io/v1beta1', 'StatefulSet', 'StatefulSet.apps.kruise.io'],
    ['apps.kruise.io/v1alpha1', 'DaemonSet', 'DaemonSet.apps.kruise.io'],
    ['apps.kruise.io/v1alpha1', 'CloneSet', 'CloneSet.apps.kruise.io'],
    ['batch.volcano.sh/v1alpha1', 'Job', 'Job.batch.volcano.sh'],
    ['core.strimzi.io/v1beta2', 'StrimziPodSet', 'StrimziPodSet.core.strimzi.io'],
  ])('is its controller by group and kind: %s %s', async (apiVersion, kind, text) => {
    const owner = reader.extensions.resource(apiVersion, kind, 'db')
    for (let n = 0; n < 2; n++) reader.extensions.pod(owner, { containers: [image('1')] })
    ready()
    expect(await reader.lines()).toEqual([`${text} db/app 1 2 current`])
  })

  it('is another one than a workload of the same kind and name in another group', async () => {
    const { cluster, namespace, extensions } = reader
    cluster.apply('StatefulSet', namespace, 'db', { replicas: 1, containers: [image('1')] })
    const owner = extensions.resource('apps.kruise.io/v1beta1', 'StatefulSet', 'db')
    for (let n = 0; n < 2; n++) extensions.pod(owner, { containers: [image('2')] })
    ready()
    expect(await reader.lines()).toEqual([
      'StatefulSet db/app 1 1 current',
      'StatefulSet.apps.kruise.io db/app 2 2 current',
    ])
  })

  it('is a Rollout with all its ReplicaSets, the newest revision first', async () => {
    const { cluster, extensions } = reader
    const rollout = extensions.resource('argoproj.io/v1alpha1', 'Rollout', 'web')
    const set = (hash: string, revision: number, replicas: number) =>
      extensions.set('ReplicaSet', rollout, {
        ...{ name: `web-${hash}`, replicas, containers: [image(String(revision))] },
        annotations: { 'rollout.argoproj.io/revision': String(revision) },
      })
    const old = set('aaa', 1, 2)
    set('bbb', 2, 2)
    ready()
    const rows = await reader.read()
    expect(rows).toHaveLength(1)
    expect(rows[0]).toMatchObject({
      ...{ group: 'argoproj.io', kind: 'Rollout', workload: 'web', state: 'progressing' },
      ...{ image: { tag: '2' }, pods: 2 },
    })
    for (const pod of cluster.all('Pod', reader.namespace))
      if (pod.metadata.ownerReferences[0].name === 'web-aaa')
        cluster.delete('Pod', reader.namespace, pod.metadata.name)
    old.spec.replicas = 0
    expect(await reader.lines()).toEqual(['Rollout.argoproj.io web/app 2 2 current'])
  })

  it('is a Rollout that is scaled to zero, as long as its ReplicaSets are there', async () => {
    const rollout = reader.extensions.resource('argoproj.io/v1alpha1', 'Rollout', 'web')
    reader.extensions.set('ReplicaSet', rollout, { name: 'web-aaa', replicas: 0, containers: [image('1')] })
    expect(await reader.lines()).toEqual(['Rollout.argoproj.io web/app undefined 0 scaled-to-zero'])
  })

  it('is a CloneSet that is scaled to zero, as long as its revisions are there', async () => {
    const owner = reader.extensions.resource('apps.kruise.io/v1alpha1', 'CloneSet', 'web')
    reader.extensions.revision(owner, 1, 'aaa', [image('1')])
    expect(await reader.lines()).toEqual(['CloneSet.apps.kruise.io web/app undefined 0 scaled-to-zero'])
  })

  it('has the revision that its controller numbered last, also when pods are changed in place', async () => {
    const owner = reader.extensions.resource('apps.kruise.io/v1alpha1', 'CloneSet', 'web')
    const pod = (tag: string, hash: string) =>
      reader.extensions.pod(
        owner,
        { containers: [image(tag)] },
        { 'controller-revision-hash': `web-${hash}` },
      )
    const first = pod('2', 'bbb')
    pod('1', 'aaa')
    reader.extensions.revision(owner, 1, 'aaa', [image('1')])
    reader.extensions.revision(owner, 2, 'bbb', [image('2')])
    ready()
    expect(await reader.only()).toMatchObject({ image: { tag: '2' }, state: 'progressing' })
    reader.cluster.fail(first, 'CrashLoopBackOff')
    expect(await reader.only()).toMatchObject({ image: { tag: '1' }, state: 'degraded' })
  })

  const deploymentConfig = () => {
    const config = reader.extensions.resource('apps.openshift.io/v1', 'DeploymentConfig', 'web')
    const annotations = (version: number) => ({
      'openshift.io/deployment-config.name': 'web',
      'openshift.io/deployment-config.latest-version': String(version),
    })
    for (const version of [1, 2])
      reader.extensions.set('ReplicationController', config, {
        ...{ name: `web-${version}`, replicas: version - 1, containers: [image(String(version))] },
        ...{ annotations: annotations(version), podAnnotations: annotations(version) },
      })
    ready()
  }

  it('is a DeploymentConfig with all its ReplicationControllers', async () => {
    deploymentConfig()
    expect(await reader.lines()).toEqual(['DeploymentConfig.apps.openshift.io web/app 2 1 current'])
  })

  it('is a DeploymentConfig, too, where its ReplicationControllers may not be read', async () => {
    deploymentConfig()
    reader.cluster.rules.push({ path: 'replicationcontrollers', answer: 'forbidden' })
    expect(await reader.lines()).toEqual(['DeploymentConfig.apps.openshift.io web/app 2 1 current'])
  })

  it('is a ReplicationController that nothing controls', async () => {
    reader.extensions.set('ReplicationController', undefined, {
      name: 'web',
      replicas: 2,
      containers: [image('1')],
    })
    ready()
    expect(await reader.lines()).toEqual(['ReplicationController web/app 1 2 current'])
  })

  it('is found through unreadable owners without the hash of the template in the name', async () => {
    for (const [hash, tag] of [
      ['aaa', '1'],
      ['bbb', '2'],
    ] as const) {
      const owner = reader.extensions.resource('example.org/v1', 'PodSet', `web-${hash}`)
      reader.extensions.pod(owner, { containers: [image(tag)] }, { 'pod-template-hash': hash })
    }
    ready()
    expect(await reader.read()).toMatchObject([{ kind: 'PodSet', workload: 'web', state: 'progressing' }])
  })

  it('is the custom resource above a StatefulSet or a Deployment', async () => {
    const { cluster, namespace, extensions } = reader
    const own = (kind: 'StatefulSet' | 'Deployment', name: string, owner: Json) => {
      const object = cluster.apply(kind, namespace, name, { containers: [image('1', name)] })
      object.metadata.ownerReferences = [
        {
          apiVersion: owner.apiVersion,
          kind: owner.kind,
          name: owner.metadata.name,
          uid: owner.metadata.uid,
          controller: true,
        },
      ]
    }
    const prometheus = extensions.resource('monitoring.coreos.com/v1', 'Prometheus', 'k8s')
    own('StatefulSet', 'prometheus-k8s', prometheus)
    own('Deployment', 'thanos', prometheus)
    ready()
    expect(await reader.lines()).toEqual([
      'Prometheus.monitoring.coreos.com k8s/prometheus-k8s 1 1 current',
      'Prometheus.monitoring.coreos.com k8s/thanos 1 1 current',
    ])
  })

  it('stays apart where a custom resource has one container name for different programs', async () => {
    const { cluster, namespace, extensions } = reader
    const owner = extensions.resource('example.org/v1', 'Shop', 'shop')
    for (const name of ['web', 'worker']) {
      const container = { ...image('1', name), name: 'main' }
      cluster.apply('Deployment', namespace, name, { containers: [container] }).metadata.ownerReferences = [
        {
          apiVersion: 'example.org/v1',
          kind: 'Shop',
          name: 'shop',
          uid: owner.metadata.uid,
          controller: true,
        },
      ]
    }
    ready()
    expect(await reader.lines()).toEqual([
      'Deployment web/main 1 1 current',
      'Deployment worker/main 1 1 current',
    ])
  })

  it('is that of the pod that controls it', async () => {
    const app = reader.extensions.resource('sparkoperator.k8s.io/v1beta2', 'SparkApplication', 'report')
    const driver = reader.extensions.pod(app, { containers: [image('1', 'driver')] })
    reader.extensions.pod(driver, { containers: [image('1', 'executor')] })
    const alone = reader.cluster.barePod(reader.namespace, 'alone', { containers: [image('1', 'driver')] })
    reader.extensions.pod(alone, { containers: [image('1', 'executor')] })
    ready()
    expect(await reader.lines()).toEqual([
      'Pod alone/driver 1 1 current',
      'Pod alone/executor 1 1 current',
      'SparkApplication.sparkoperator.k8s.io report/driver 1 1 current',
      'SparkApplication.sparkoperator.k8s.io report/executor 1 1 current',
    ])
  })

  it('is the pod itself where its node controls it, or where an owner is no controller', async () => {
    const { cluster, namespace, extensions } = reader
    const node = cluster.make('Node', undefined, { name: 'node-1' })
    cluster.barePod(namespace, 'etcd-node-1', { containers: [image('1')] }).metadata.ownerReferences = [
      { apiVersion: 'v1', kind: 'Node', name: 'node-1', uid: node.metadata.uid, controller: true },
    ]
    const owner = extensions.resource('example.org/v1', 'Application', 'all')
    cluster.barePod(namespace, 'tool', { containers: [image('1')] }).metadata.ownerReferences = [
      { apiVersion: 'example.org/v1', kind: 'Application', name: 'all', uid: owner.metadata.uid },
    ]
    ready()
    expect(await reader.lines()).toEqual(['Pod etcd-node-1/app 1 1 current', 'Pod tool/app 1 1 current'])
  })

  it('is not lost in a circle of owners', async () => {
    const { cluster, namespace } = reader
    const [a, b] = ['a', 'b'].map((name) => cluster.barePod(namespace, name, { containers: [image('1')] }))
    const refer = (to: Json | undefined) => [
      { apiVersion: 'v1', kind: 'Pod', name: to?.metadata.name, uid: to?.metadata.uid, controller: true },
    ]
    if (a !== undefined) a.metadata.ownerReferences = refer(b)
    if (b !== undefined) b.metadata.ownerReferences = refer(a)
    expect(await reader.lines()).toEqual([])
  })

  it('runs to an end: jobs of an extension count their last run, and all failed pods are a failure', async () => {
    const { cluster, extensions } = reader
    const owner = extensions.resource('batch.volcano.sh/v1alpha1', 'Job', 'train')
    const pods = [1, 2].map(() => extensions.pod(owner, { restartPolicy: 'Never', containers: [image('1')] }))
    for (const pod of pods) cluster.succeed(pod)
    expect(await reader.lines()).toEqual(['Job.batch.volcano.sh train/app 1 2 current'])
    for (const pod of pods) extensions.failPod(pod)
    expect(await reader.lines()).toEqual(['Job.batch.volcano.sh train/app 1 0 degraded'])
  })
})
