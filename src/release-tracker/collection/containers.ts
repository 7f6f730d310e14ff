import type { NamespaceObjects } from '../kubernetes/objects.ts'
import type { ContainerReading, LiveImage } from '../store/components.ts'
import { isPresent } from './pods.ts'
import { findTopWorkloads, type TopWorkload } from './revisions.ts'
import { stateOf } from './state.ts'
import { type Version, versionsOf } from './versions.ts'

/** A reading before the namespace's row is known. */
type Reading = Omit<ContainerReading, 'scopeId' | 'namespace'>

/** Reads the containers of a namespace. The images of running pods decide, not those of the templates. */
export function readContainers(objects: NamespaceObjects): Reading[] {
  return findTopWorkloads(objects).flatMap((running) =>
    containerNames(running).map((container) => readContainer(running, container)),
  )
}

/** The containers of the templates, and those that admission webhooks added to pods. */
function containerNames(running: TopWorkload): string[] {
  const inTemplates = running.revisions.filter(({ current }) => current).flatMap(({ template }) => template)
  const present = running.revisions.flatMap(({ pods }) =>
    pods.filter((pod) => isPresent(running, pod)).flatMap((pod) => pod.containers),
  )
  return [...new Set([...inTemplates, ...present].map(({ name }) => name))]
}

function readContainer(running: TopWorkload, container: string): Reading {
  const versions = versionsOf(running, container)
  // Versions are sorted newest first, so of several with the same number of pods the newest is chosen.
  const most = Math.max(0, ...versions.map(({ ready }) => ready))
  const runs = most > 0 ? versions.find(({ ready }) => ready === most) : undefined
  // A run that ended for good ran its version, although none of its pods is ready.
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
