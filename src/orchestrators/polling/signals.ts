import { type Network, networks } from '../node/networks.ts'
import type { KnownNetworks } from '../store/nodes.ts'

/** The backlog of each network: the median over online nodes. */
export type Backlogs = Partial<Record<Network, { wraps: number; unwraps: number }>>

export type BacklogKind = 'wraps' | 'unwraps'
/** Since when the nodes' backlogs differ, by `<network>:<wraps|unwraps>`. */
export type Divergence = Record<string, string>

/** Only nodes that are online and answered in this cycle count. */
export function backlogsOf(answered: KnownNetworks[]): Backlogs {
  const result: Backlogs = {}
  for (const name of networks) {
    const seen = answered.flatMap((each) => each[name] ?? [])
    if (seen.length === 0) continue
    const of = (kind: BacklogKind) => lowerMedian(seen.map((each) => each[kind]))
    result[name] = { wraps: of('wraps'), unwraps: of('unwraps') }
  }
  return result
}

/** For an even number the lower middle one: a count that a node reported. */
function lowerMedian(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? 0
}

/**
 * A signing ceremony needs more than two thirds of the nodes with the same set of requests; otherwise nothing is signed.
 * Nodes that answer from caches of different age show this for a moment, so the duration of the difference decides.
 */
export function divergenceOf(answered: KnownNetworks[], before: Divergence, at: Date): Divergence {
  const result: Divergence = {}
  for (const name of networks) {
    for (const kind of ['wraps', 'unwraps'] as const) {
      const hashes = answered.flatMap((each) => each[name]?.[`${kind}Hash`] ?? [])
      if (hashes.length < 2 || largestGroup(hashes) * 3 > hashes.length * 2) continue
      const key = `${name}:${kind}`
      // A time in the future was written by a clock that was ahead.
      const since = Math.min(Date.parse(before[key] ?? at.toISOString()), at.getTime())
      result[key] = new Date(since).toISOString()
    }
  }
  return result
}

function largestGroup(hashes: string[]): number {
  return Math.max(...[...Map.groupBy(hashes, (hash) => hash).values()].map((group) => group.length))
}
