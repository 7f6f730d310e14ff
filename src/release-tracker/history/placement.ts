import type { Image } from '../image-reference.ts'

export type Ended = 'replaced' | 'rolled-back' | 're-tagged' | 'removed' | 'unknown'

/** A period in which a component ran one image. Open while `ended` is null. */
export interface Interval {
  id: string
  image: Image
  firstSeen: Date
  /** For an open interval that collections see: when its namespace was last read. */
  lastSeen: Date
  ended: Ended | null
  endedAt: Date | null
}

/** A component ran an image at least from one moment to another. */
export interface Observation {
  image: Image
  from: Date
  to: Date
  /** Set if the observer also knows how the interval ended. */
  ending?: { how: Ended; at: Date | null } | undefined
}

export interface Neighbours {
  /** The last interval that begins at or before the observation. */
  before: Interval | undefined
  /** The first interval that begins after it. */
  after: Interval | undefined
  /** Whether the observed image ran before `before`, and whether `after`'s did. */
  ranEarlier: { observed: boolean; after: boolean }
}

export type Change = Partial<Pick<Interval, 'image' | 'firstSeen' | 'lastSeen' | 'ended' | 'endedAt'>>

/** How an observation changes the history. */
export type Placement =
  | { kind: 'unchanged' }
  | { kind: 'extend'; id: string; change: Change }
  | { kind: 'insert'; interval: Omit<Interval, 'id'>; previous: { id: string; change: Change } | undefined }
  /** Another image is recorded for that time. */
  | { kind: 'conflict'; with: Interval }

/** Decides how an observation changes the history. Writes nothing; the caller holds the lock of the component's scope. */
export function place(seen: Observation, { before, after, ranEarlier }: Neighbours): Placement {
  if (before !== undefined && seen.from <= before.lastSeen) return within(seen, before, after)
  if (after !== undefined && seen.to >= after.firstSeen) {
    return sameImage(seen.image, after.image) ? backTo(seen, after) : { kind: 'conflict', with: after }
  }
  // In a gap. An interval that had ended as removed before the observation does not extend to it.
  const alive = before !== undefined && !isGoneBefore(before, seen.from)
  if (alive && sameImage(seen.image, before.image)) return extend(before, lengthened(seen, before))
  if (after !== undefined && sameImage(seen.image, after.image)) return backTo(seen, after)
  const interval = {
    image: seen.image,
    firstSeen: seen.from,
    lastSeen: seen.to,
    ...endingOf(seen, { before: alive ? before : undefined, after, ranEarlier }),
  }
  if (!alive) return { kind: 'insert', interval, previous: undefined }
  const how = transition(before.image, seen.image, ranEarlier.observed)
  const change = { lastSeen: before.lastSeen, ended: how, endedAt: null }
  return { kind: 'insert', interval, previous: { id: before.id, change } }
}

/** The observation begins inside the interval `known`. */
function within(seen: Observation, known: Interval, after: Interval | undefined): Placement {
  if (!sameImage(seen.image, known.image)) return { kind: 'conflict', with: known }
  if (after !== undefined && seen.to >= after.firstSeen) return { kind: 'conflict', with: after }
  const change = lengthened(seen, known)
  // Observed before and after the removal without a gap: the removal was a mistake.
  const back = known.ended === 'removed' && seen.ending === undefined && after === undefined
  if (back && isGoneBefore(known, seen.to)) Object.assign(change, { ended: null, endedAt: null })
  return extend(known, change)
}

function lengthened(seen: Observation, known: Interval): Change {
  const change: Change = { ...namedBetter(seen.image, known.image) }
  if (seen.to > known.lastSeen) change.lastSeen = seen.to
  if (known.ended === null && seen.ending !== undefined) {
    // Always set: an interval that collections see ends when it was last seen, which may be later than its row says.
    change.lastSeen ??= known.lastSeen
    change.ended = seen.ending.how
    change.endedAt = seen.ending.at
  }
  return change
}

function backTo(seen: Observation, known: Interval): Placement {
  const change: Change = { ...namedBetter(seen.image, known.image), firstSeen: seen.from }
  if (seen.to > known.lastSeen) change.lastSeen = seen.to
  return extend(known, change)
}

function extend(known: Interval, change: Change): Placement {
  return Object.keys(change).length === 0 ? { kind: 'unchanged' } : { kind: 'extend', id: known.id, change }
}

/** How a new interval between its neighbours ends. It takes over the removal of the interval before it. */
function endingOf(
  seen: Observation,
  { before, after, ranEarlier }: Neighbours,
): Pick<Interval, 'ended' | 'endedAt'> {
  if (seen.ending !== undefined) return { ended: seen.ending.how, endedAt: seen.ending.at }
  if (before?.ended === 'removed') return { ended: 'removed', endedAt: before.endedAt }
  if (after === undefined) return { ended: null, endedAt: null }
  return { ended: transition(seen.image, after.image, ranEarlier.after), endedAt: null }
}

const isGoneBefore = ({ ended, endedAt, lastSeen }: Interval, at: Date) =>
  ended === 'removed' && (endedAt ?? lastSeen) <= at

/** Why the next image replaced this one. */
function transition(from: Image, to: Image, ranEarlier: boolean): Ended {
  if (from.sha !== null && from.sha === to.sha) return 're-tagged'
  return ranEarlier ? 'rolled-back' : 'replaced'
}

/** Compares tag and digest. A repository, name or digest that one side does not know is no difference. */
function sameImage(a: Image, b: Image): boolean {
  const fits = (x: string | null, y: string | null) => x === y || !x || !y
  return a.tag === b.tag && fits(a.sha, b.sha) && fits(a.repo, b.repo) && fits(a.name, b.name)
}

function namedBetter(seen: Image, known: Image): { image?: Image } {
  const repo = known.repo === '' ? seen.repo : known.repo
  const name = known.name === '' ? seen.name : known.name
  const sha = known.sha ?? seen.sha
  const better = repo !== known.repo || name !== known.name || sha !== known.sha
  return better ? { image: { ...known, repo, name, sha } } : {}
}
