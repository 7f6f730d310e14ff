import type { Image } from '../image-reference.ts'
import type { NamespaceObjects } from '../kubernetes/objects.ts'
import type { LiveImage, Rollout } from '../store/components.ts'
import { isHere } from './pods.ts'
import { joinByOwner, type Running } from './revisions.ts'
import { stateOf } from './state.ts'
import { type Version, versionsOf } from './versions.ts'

/** One container of one workload, as a reading of the cluster found it. */
export interface ContainerReading extends Rollout {
  group: string
  kind: string
  workload: string
  container: string
  /** Undefined when no pod tells. */
  image: Image | undefined
  /** Nothing of it is ready: it counts only where nothing is known to have run before. */
  tentative: boolean
  /** Digests of the same image on nodes of other architectures. */
  alternatives: string[]
}

/** Reads the containers of a namespace: what runs decides, not what is asked for. */
export function readContainers(objects: NamespaceObjects): ContainerReading[] {
  return joinByOwner(objects).flatMap((running) =>
    containerNames(running).map((container) => readContainer(running, container)),
  )
}

/** Those of the template, and those that admission added to pods. */
function containerNames(running: Running): string[] {
  const asked = running.revisions.filter(({ current }) => current).flatMap(({ template }) => template)
  const present = running.revisions.flatMap(({ pods }) =>
    pods.filter((pod) => isHere(running, pod)).flatMap((pod) => pod.containers),
  )
  return [...new Set([...asked, ...present].map(({ name }) => name))]
}

function readContainer(running: Running, container: string): ContainerReading {
  const versions = versionsOf(running, container)
  // Versions come newest first, so the first of the most is the newer one of a tie.
  const most = Math.max(0, ...versions.map(({ ready }) => ready))
  const runs = most > 0 ? versions.find(({ ready }) => ready === most) : undefined
  // A run that ended for good ran its version, although nothing of it is ready.
  const ran = runs === undefined && running.ended !== undefined
  const chosen = runs ?? versions.find(({ digests }) => digests.length > 0) ?? (ran ? versions[0] : undefined)
  return {
    ...{ group: running.group, kind: running.kind, workload: running.name, container },
    image: chosen && { ...chosen.image, sha: chosen.digests[0] ?? null },
    tentative: runs === undefined && !ran,
    alternatives: chosen?.digests ?? [],
    state: stateOf(running, versions),
    pods: most,
    images: running.replicas === 0 ? [] : versions.map(toLiveImage),
  }
}

const toLiveImage = ({ image, digests, ready }: Version): LiveImage => ({
  image_tag: image.tag,
  image_sha: digests[0] ?? null,
  ...(digests.length > 1 ? { image_shas: digests.toSorted() } : {}),
  pods: ready,
})
