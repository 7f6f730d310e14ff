import { digestOf, type ImageName, parseImageName } from '../image-reference.ts'
import type { Pod, PodContainer } from '../kubernetes/objects.ts'
import { isHere, isReady } from './pods.ts'
import type { Running } from './revisions.ts'

/** What some pods of a workload run as one container: one reference with one content. */
export interface Version {
  image: ImageName
  /**
   * The content's digests, the commonest first: several where it has one for each of the nodes' architectures. Empty
   * when no node tells.
   */
  digests: string[]
  ready: number
  /** Pods of the revision that is asked for now run it, or will. */
  current: boolean
}

interface Seen {
  reference: ImageName
  /** Undefined when the node does not tell. */
  digest: string | undefined
  /** What the node reports beside a digest that the reference pins. */
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
 * Groups the pods of a workload by their own reference, then by content, so that no tag is ever paired with a digest
 * that no pod had together. The newest first: by revision, then by pod; by text where both are equal, so that a repeat
 * gives the same order.
 */
export function versionsOf(running: Running, container: string): Version[] {
  const seen = seenIn(running, container)
  const byReference = Map.groupBy(seen, ({ reference }) => keyOf(reference))
  const groups = [...byReference.values()].flatMap((each) => byContent(each))
  for (const wanted of withoutPods(running, container)) {
    const same = groups.filter(({ image }) => keyOf(image) === keyOf(wanted.image))
    for (const group of same) group.current = true
    if (same.length === 0) groups.push(wanted)
  }
  return groups
    .toSorted((a, b) => a.rank - b.rank || compare(b.newest, a.newest) || compare(textOf(a), textOf(b)))
    .map(({ image, digests, ready, current }) => ({ image, digests, ready, current }))
}

const keyOf = ({ repo, name, tag }: ImageName) => `${repo}/${name}:${tag}`
const textOf = ({ image, digests }: Version) => `${keyOf(image)}@${digests[0] ?? ''}`
const later = (a: string, b: string) => [a, b].toSorted(compare).at(-1) ?? ''
const compare = (a: string, b: string) => (a < b ? -1 : Number(a > b))

function seenIn(running: Running, container: string): Seen[] {
  const all = running.revisions.flatMap((revision, rank) =>
    revision.pods
      .filter((pod) => isHere(running, pod))
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
    const reported = isOfAnother(found, reference, others) ? undefined : digestOf(found.imageId)
    const digest = pin.startsWith('sha256:') ? pin : reported
    return [{ reference, digest, reported, pod, ready: isReady(running, pod), current, rank }]
  })
}

/**
 * A pod whose image was changed in place goes on running the old one for a moment. Its status then names another tag
 * that the workload has, too, and the digest belongs to that one. (A status may name any tag of the same content, so
 * a tag that nothing here refers to says nothing.)
 */
function isOfAnother({ statusImage }: PodContainer, own: ImageName, others: Set<string>): boolean {
  const running = parseImageName(statusImage)
  if (running === undefined || keyOf(running) === keyOf(own)) return false
  return running.repo === own.repo && running.name === own.name && others.has(keyOf(running))
}

/** One reference's pods by what they run. Pods that do not tell count with those that do. */
function byContent(seen: Seen[]): Group[] {
  const told = Map.groupBy(
    seen.filter(({ digest }) => digest !== undefined),
    ({ digest }) => digest,
  )
  const groups = [...told.values()]
    .flatMap(groupOf)
    .toSorted((a, b) => b.ready - a.ready || compare(b.newest, a.newest) || compare(textOf(a), textOf(b)))
  const silent = seen.filter(({ digest }) => digest === undefined)
  const distinct = joinPlatforms(groups)
  if (silent.length === 0) return distinct
  const [first, ...rest] = distinct
  return first === undefined ? groupOf(silent) : [groupOf(silent).reduce(join, first), ...rest]
}

/** @returns one group; none of none. */
function groupOf(seen: Seen[]): Group[] {
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

/** Two contents of one reference are one image only where they are known to run on different platforms. */
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

/** What the template of a current revision asks for that none of its pods run yet. */
function withoutPods(running: Running, container: string): Group[] {
  return running.revisions.flatMap(({ current, template, pods }, rank) => {
    const present = pods.some(
      (pod) => isHere(running, pod) && pod.containers.some(({ name }) => name === container),
    )
    const wanted = template.find(({ name }) => name === container)
    const parsed = wanted === undefined ? undefined : parseImageName(wanted.image)
    if (!current || present || parsed === undefined) return []
    const { digest: pin, ...image } = parsed
    const digests = pin.startsWith('sha256:') ? [pin] : []
    return [{ image, digests, ready: 0, current, platforms: new Set(), rank, newest: '' }]
  })
}
