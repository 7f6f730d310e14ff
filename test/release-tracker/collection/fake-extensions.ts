import type { FakeCluster, Json, Spec } from './fake-cluster.ts'

/** What controllers make that no list of the cluster shows: custom resources are known by what they own. */
export function extensionsOf(cluster: FakeCluster, namespace: string) {
  const templateOf = (name: string, spec: Spec): Json => ({
    metadata: { labels: spec.labels ?? { app: name } },
    spec: { restartPolicy: 'Always', ...spec },
  })

  return {
    /** An object of another API group, which this cluster does not list. */
    resource: (apiVersion: string, kind: string, name: string, owner?: Json): Json =>
      cluster.make(kind, namespace, { name, owner, apiVersion }),

    /** A pod that a controller makes directly. */
    pod(owner: Json, spec: Json, labels: Json = {}): Json {
      return cluster.makePod(owner, labels, templateOf(owner.metadata.name, spec))
    },

    /** A ReplicaSet or ReplicationController of some controller, with its pods. */
    set(kind: 'ReplicaSet' | 'ReplicationController', owner: Json | undefined, about: Json): Json {
      const { name, replicas = 1, annotations = {}, containers, podAnnotations = {} } = about
      const set = cluster.make(kind, namespace, { name, owner })
      const template = templateOf(name, { containers })
      set.metadata.annotations = annotations
      set.spec = { replicas, selector: { matchLabels: { app: name } }, template }
      if (kind === 'ReplicationController') set.spec.selector = { app: name }
      set.status = { replicas }
      cluster.save(set)
      for (let n = 0; n < replicas; n++) {
        const pod = cluster.makePod(set, { 'pod-template-hash': name.split('-').at(-1) }, template)
        pod.metadata.annotations = podAnnotations
      }
      return set
    },

    /** One version of a controller's template. */
    revision(owner: Json, number: number, hash: string, containers: Json[]): Json {
      const revision = cluster.make('ControllerRevision', namespace, {
        name: `${owner.metadata.name}-${hash}`,
        owner,
        labels: { 'controller-revision-hash': hash },
      })
      delete revision.spec
      delete revision.status
      revision.revision = number
      revision.data = { spec: { template: { spec: { containers } } } }
      return cluster.save(revision)
    },

    /** A Job ends for good: its controller says so in a condition. */
    end(job: Json, type: 'Complete' | 'Failed'): void {
      job.status = { ...job.status, conditions: [{ type, status: 'True' }] }
      cluster.save(job)
    },

    /** A container of a pod that does not restart has failed. */
    failPod(pod: Json): void {
      cluster.becomeReady(pod)
      pod.status.phase = 'Failed'
      pod.status.conditions = [{ type: 'Ready', status: 'False' }]
      for (const each of pod.status.containerStatuses) {
        each.ready = false
        each.state = { terminated: { exitCode: 1, reason: 'Error' } }
      }
      cluster.save(pod)
    },

    /** Only for one container: what its node reports as the image's id. */
    report(pod: Json, container: string, imageID: string): void {
      for (const each of pod.status.containerStatuses) if (each.name === container) each.imageID = imageID
      cluster.save(pod)
    },
  }
}
