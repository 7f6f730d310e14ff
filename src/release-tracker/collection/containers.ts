import { digestOf, type Image, parseImageName } from '../image-reference.ts'
import type { NamespaceObjects, Pod, PodContainer } from '../kubernetes/objects.ts'
import type { LiveImage, Rollout, RolloutState } from '../store/components.ts'
import { joinByOwner, type Revision, type Running } from './revisions.ts'

/** One container of one workload, as a reading of the cluster found it. */
export interface ContainerReading extends Rollout {
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

/** What one revision's pods run as one container: one image, by however many digests. */
interface Version {
  current: boolean
  image: Omit<Image, 'sha'>
  digests: string[]
  ready: number
}

/** Reads the containers of a namespace: what runs decides, not what is asked for. */
export function readContainers(objects: NamespaceObjects): ContainerReading[] {
  return joinByOwner(objects).flatMap((running) =>
    containerNames(running).map((container) => readContainer(running, container)),
  )
}

/** Those of the template, and those that admission added to pods. */
function containerNames({ revisions }: Running): string[] {
  const asked = revisions.filter(({ current }) => current).flatMap(({ template }) => template)
  const present = revisions.flatMap(({ pods }) => pods.filter(isHere).flatMap((pod) => pod.containers))
  return [...new Set([...asked, ...present].map(({ name }) => name))]
}

function readContainer(running: Running, container: string): ContainerReading {
  const { workload, revisions } = running
  const versions = merge(revisions.flatMap((each) => versionOf(running, each, container)))
  const live = versions.filter(({ ready }) => ready > 0)
  // Versions come newest first, so the first of the most is the newer one of a tie.
  const most = Math.max(0, ...live.map(({ ready }) => ready))
  const chosen =
    live.find(({ ready }) => ready === most) ?? versions.find(({ digests }) => digests.length > 0)
  const [sha] = chosen?.digests ?? []
  return {
    kind: workload.kind,
    workload: workload.name,
    container,
    image: chosen === undefined || sha === undefined ? undefined : { ...chosen.image, sha },
    tentative: live.length === 0,
    alternatives: chosen?.digests ?? [],
    state: stateOf(running, { versions, live }),
    pods: most,
    images: workload.replicas === 0 ? [] : versions.map(toLiveImage),
  }
}

const toLiveImage = ({ image, digests, ready }: Version): LiveImage => ({
  image_tag: image.tag,
  image_sha: digests[0] ?? null,
  pods: ready,
})

/** A pod that is being deleted, or that was evicted and left lying, runs nothing. */
const isHere = (pod: Pod) => !pod.leaving && pod.phase !== 'Failed'
const isBatch = ({ workload }: Running) => workload.kind === 'Job' || workload.kind === 'CronJob'

/** A run that is over has no ready pods, but it ran. */
function countsAsReady(running: Running, pod: Pod): boolean {
  if (pod.ready) return true
  if (pod.phase === 'Succeeded') return isBatch(running) || running.workload.kind === 'Pod'
  return pod.phase === 'Running' && isBatch(running) && !isFailing(pod)
}

function versionOf(running: Running, revision: Revision, container: string): Version[] {
  const present = revision.pods
    .filter(isHere)
    .flatMap((pod) =>
      pod.containers.filter(({ name }) => name === container).map((found) => ({ pod, found })),
    )
  const reference = present[0]?.found.image ?? revision.template.find(({ name }) => name === container)?.image
  const named = reference === undefined ? undefined : parseImageName(reference)
  if (named === undefined || (present.length === 0 && !revision.current)) return []
  const ready = present.filter(({ pod }) => countsAsReady(running, pod))
  const told = (of: { found: PodContainer }[]) =>
    mostCommon(of.flatMap(({ found }) => digestOf(found.imageId) ?? []))
  const { digest, ...image } = named
  const seen = told(ready).length > 0 ? told(ready) : told(present)
  // A node that does not say what it runs still runs what the reference pins.
  const pinned = ready.length > 0 && digest.startsWith('sha256:') ? [digest] : []
  const digests = seen.length > 0 ? seen : pinned
  return [{ current: revision.current, image, digests, ready: ready.length }]
}

/** The commonest first; among equals in the order of their text, so that a repeat chooses the same. */
function mostCommon(digests: string[]): string[] {
  const groups = Map.groupBy(digests, (digest) => digest)
  return [...groups.entries()]
    .toSorted(([a, x], [b, y]) => y.length - x.length || a.localeCompare(b))
    .map(([digest]) => digest)
}

/** Revisions that differ in something else than this container's image. */
function merge(versions: Version[]): Version[] {
  const merged: Version[] = []
  for (const version of versions) {
    const same = merged.find(
      (each) =>
        sameName(each.image, version.image) &&
        (each.digests.length === 0 ||
          version.digests.length === 0 ||
          each.digests.some((digest) => version.digests.includes(digest))),
    )
    if (same === undefined) merged.push({ ...version })
    else {
      same.ready += version.ready
      same.digests = [...new Set([...same.digests, ...version.digests])]
      same.current ||= version.current
    }
  }
  return merged
}

const sameName = (a: Omit<Image, 'sha'>, b: Omit<Image, 'sha'>) =>
  a.repo === b.repo && a.name === b.name && a.tag === b.tag

const starting = new Set(['ContainerCreating', 'PodInitializing'])
const isFailing = (pod: Pod) =>
  pod.containers.some(({ waiting }) => waiting !== undefined && !starting.has(waiting))

function stateOf(
  running: Running,
  { versions, live }: { versions: Version[]; live: Version[] },
): RolloutState {
  const { workload, revisions } = running
  if (workload.replicas === 0) return 'scaled-to-zero'
  if (live.length > 1) return 'progressing'
  const wanted = versions.find(({ current }) => current)
  if (live.length === 1 && (wanted === undefined || wanted.ready > 0)) return 'current'
  const pods = revisions.filter(({ current }) => current).flatMap((each) => each.pods.filter(isHere))
  // Between two runs there is nothing to be ready.
  if (pods.length === 0 && isBatch(running)) return 'current'
  if (pods.some(isFailing)) return 'degraded'
  const begins = pods.some((pod) => pod.containers.some(({ waiting }) => waiting !== undefined))
  return begins || workload.movesOn ? 'progressing' : 'degraded'
}
