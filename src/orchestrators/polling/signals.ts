import { type Network, networks } from '../node/networks.ts'
import type { KnownNetworks } from '../store/nodes.ts'

/** What waits to be signed, per network: the median over online nodes. */
export type Backlogs = Partial<Record<Network, { wraps: number; unwraps: number }>>

export type BacklogKind = 'wraps' | 'unwraps'
/** Since when nodes disagree on what is to be signed, by `<network>:<wraps|unwraps>`. */
export type Divergence = Record<string, string>

/** Only nodes that are online and answered in this cycle have a say. */
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

/** Of an even number the lower one: a count that some node has really shown. */
function lowerMedian(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? 0
}

/**
 * A ceremony needs more than two thirds of the nodes with the same set to sign. Where no set has that many, nothing is
 * signed: nodes that answer from caches of different age look like it for a moment, so what counts is since when.
 */
export function divergenceOf(answered: KnownNetworks[], before: Divergence, at: Date): Divergence {
  const result: Divergence = {}
  for (const name of networks) {
    for (const kind of ['wraps', 'unwraps'] as const) {
      const hashes = answered.flatMap((each) => each[name]?.[`${kind}Hash`] ?? [])
      if (hashes.length < 2 || largestGroup(hashes) * 3 > hashes.length * 2) continue
      const key = `${name}:${kind}`
      // A time that is still to come was written by a clock that was ahead.
      const since = Math.min(Date.parse(before[key] ?? at.toISOString()), at.getTime())
      result[key] = new Date(since).toISOString()
    }
  }
  return result
}

function largestGroup(hashes: string[]): number {
  return Math.max(...[...Map.groupBy(hashes, (hash) => hash).values()].map((group) => group.length))
}
