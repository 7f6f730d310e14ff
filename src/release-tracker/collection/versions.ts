import { digestOf, type ImageName, parseImageName } from '../image-reference.ts'
import type { Pod, PodContainer } from '../kubernetes/objects.ts'
import { isPresent, isReady } from './pods.ts'
import type { TopWorkload } from './revisions.ts'

/** One image that pods of a workload run in a container: a reference with its content. */
export interface Version {
  image: ImageName
  /**
   * The digests of the content, the most common first. There are several if nodes of several architectures run it, and
   * none if no node reports one.
   */
  digests: string[]
  ready: number
  /** Pods of the current revision run it, or will run it. */
  current: boolean
}

interface PodObservation {
  reference: ImageName
  /** Undefined if the node reports none. */
  digest: string | undefined
  /** The digest that the node reports, also if the reference pins another one. */
  reported: string | undefined
  pod: Pod
  ready: boolean
  current: boolean
  /** The position of the pod's revision; the newest is 0. */
  rank: number
}

interface Group extends Version {
  platforms: Set<string | undefined>
  rank: number
  newest: string
}

/**
 * Groups the pods of a workload by their own image reference, then by content, so that a tag is never paired with a
 * digest that no pod had with it. Sorted by revision, then by pod, the newest first; equal ones by text, so that the order
 * is stable.
 */
export function versionsOf(running: TopWorkload, container: string): Version[] {
  const seen = observationsOf(running, container)
  const byReference = Map.groupBy(seen, ({ reference }) => keyOf(reference))
  const groups = [...byReference.values()].flatMap((each) => byContent(each))
  for (const pending of imagesWithoutPods(running, container)) {
    const same = groups.filter(({ image }) => keyOf(image) === keyOf(pending.image))
    for (const group of same) group.current = true
    if (same.length === 0) groups.push(pending)
  }
  return groups
    .toSorted((a, b) => a.rank - b.rank || compare(b.newest, a.newest) || compare(textOf(a), textOf(b)))
    .map(({ image, digests, ready, current }) => ({ image, digests, ready, current }))
}

const keyOf = ({ repo, name, tag }: ImageName) => `${repo}/${name}:${tag}`
const textOf = ({ image, digests }: Version) => `${keyOf(image)}@${digests[0] ?? ''}`
const later = (a: string, b: string) => [a, b].toSorted(compare).at(-1) ?? ''
const compare = (a: string, b: string) => (a < b ? -1 : Number(a > b))

function observationsOf(running: TopWorkload, container: string): PodObservation[] {
  const all = running.revisions.flatMap((revision, rank) =>
    revision.pods
      .filter((pod) => isPresent(running, pod))
      .flatMap((pod) => pod.containers.map((found) => ({ pod, found, current: revision.current, rank })))
      .filter(({ found }) => found.name === container),
  )
  const others = new Set(
    [...running.revisions.flatMap(({ template }) => template), ...all.map(({ found }) => found)].flatMap(
      ({ name, image }) => {
        const reference = name === container ? parseImageName(image) : undefined
        return reference === undefined ? [] : [keyOf(reference)]
      },
    ),
  )
  return all.flatMap(({ pod, found, current, rank }) => {
    const parsed = parseImageName(found.image)
    if (parsed === undefined) return []
    const { digest: pin, ...reference } = parsed
    const reported = belongsToOtherTag(found, reference, others) ? undefined : digestOf(found.imageId)
    const digest = pin.startsWith('sha256:') ? pin : reported
    return [{ reference, digest, reported, pod, ready: isReady(running, pod), current, rank }]
  })
}

/**
 * Whether the reported digest belongs to another tag. A pod whose image was changed in place runs the old image for a
 * moment, and its status names the old tag. Only tags that the workload also uses are considered, because a status may
 * name any tag of the same content.
 */
function belongsToOtherTag({ statusImage }: PodContainer, own: ImageName, others: Set<string>): boolean {
  const running = parseImageName(statusImage)
  if (running === undefined || keyOf(running) === keyOf(own)) return false
  return running.repo === own.repo && running.name === own.name && others.has(keyOf(running))
}

/** Groups the pods of one reference by digest. Pods without a reported digest join the largest group. */
function byContent(seen: PodObservation[]): Group[] {
  const reported = Map.groupBy(
    seen.filter(({ digest }) => digest !== undefined),
    ({ digest }) => digest,
  )
  const groups = [...reported.values()]
    .flatMap(groupOf)
    .toSorted((a, b) => b.ready - a.ready || compare(b.newest, a.newest) || compare(textOf(a), textOf(b)))
  const unreported = seen.filter(({ digest }) => digest === undefined)
  const distinct = joinPlatforms(groups)
  if (unreported.length === 0) return distinct
  const [first, ...rest] = distinct
  return first === undefined ? groupOf(unreported) : [groupOf(unreported).reduce(join, first), ...rest]
}

/** @returns one group, or an empty list for no containers */
function groupOf(seen: PodObservation[]): Group[] {
  const [first] = seen
  if (first === undefined) return []
  const digests = [...seen.map(({ digest }) => digest), ...seen.map(({ reported }) => reported)]
  const group = {
    image: first.reference,
    digests: [...new Set(digests.filter((each) => each !== undefined))],
    ready: seen.filter(({ ready }) => ready).length,
    current: seen.some(({ current }) => current),
    platforms: new Set(seen.map(({ pod }) => pod.platform)),
    rank: Math.min(...seen.map(({ rank }) => rank)),
    newest: seen.map(({ pod }) => pod.createdAt).reduce(later, ''),
  }
  return [group]
}

/** Joins two digests of one reference only if they are known to run on different platforms. */
function joinPlatforms(groups: Group[]): Group[] {
  const joined: Group[] = []
  for (const group of groups) {
    const at = joined.findIndex(
      ({ platforms }) =>
        !platforms.has(undefined) &&
        !group.platforms.has(undefined) &&
        platforms.isDisjointFrom(group.platforms),
    )
    const other = joined[at]
    if (other === undefined) joined.push(group)
    else joined[at] = join(other, group)
  }
  return joined
}

const join = (a: Group, b: Group): Group => ({
  image: a.image,
  digests: [...new Set([...a.digests, ...b.digests])],
  ready: a.ready + b.ready,
  current: a.current || b.current,
  platforms: a.platforms.union(b.platforms),
  rank: Math.min(a.rank, b.rank),
  newest: later(a.newest, b.newest),
})

/** The images of current templates that no pod runs yet. */
function imagesWithoutPods(running: TopWorkload, container: string): Group[] {
  return running.revisions.flatMap(({ current, template, pods }, rank) => {
    const present = pods.some(
      (pod) => isPresent(running, pod) && pod.containers.some(({ name }) => name === container),
    )
    const wanted = template.find(({ name }) => name === container)
    const parsed = wanted === undefined ? undefined : parseImageName(wanted.image)
    if (!current || present || parsed === undefined) return []
    const { digest: pin, ...image } = parsed
    const digests = pin.startsWith('sha256:') ? [pin] : []
    return [{ image, digests, ready: 0, current, platforms: new Set(), rank, newest: '' }]
  })
}
