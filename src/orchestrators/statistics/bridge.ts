import type { Knex } from 'knex'
import { type BucketCount, countCycles } from '../store/statistics.ts'
import type { Span } from './pieces.ts'
import { iso, ratio, rounded } from './rounding.ts'

const minute = 60_000
const hour = 60 * minute

/** Periods longer than this are counted from the hourly sums where possible. */
const shortHours = 720

/**
 * The bridge over time, in buckets from the start of the period. Long periods with buckets of whole hours begin and
 * end at whole hours, so that the hourly sums can answer them; the current hour is the last.
 */
export async function bridgeStatistics(
  db: Knex,
  input: { hours: number; intervalMinutes: number; now: number },
) {
  const { hours, intervalMinutes, now } = input
  const byHour = hours > shortHours && intervalMinutes % 60 === 0
  const to = byHour ? Math.ceil(now / hour) * hour : now
  const period: Span = { from: to - hours * hour, to }
  const bucketMs = intervalMinutes * minute
  const counts = await countCycles(db, period, { bucketMs, byHour })
  const byBucket = Map.groupBy(counts, (each) => each.bucket)
  const points = Array.from({ length: Math.ceil((period.to - period.from) / bucketMs) }, (_, bucket) =>
    pointOf(period.from + bucket * bucketMs, byBucket.get(bucket)),
  )
  const medians = points.flatMap((point) => point.online_count ?? [])
  const seen = counts.map((each) => each.onlineCount)
  return {
    period_start: iso(period.from),
    period_end: iso(period.to),
    data_points: points,
    avg_online_count: medians.length === 0 ? null : rounded(average(medians), 2),
    min_online_count: seen.length === 0 ? null : seen.reduce((a, b) => Math.min(a, b)),
    max_online_count: seen.length === 0 ? null : seen.reduce((a, b) => Math.max(a, b)),
  }
}

const unmeasured = {
  online_count: null,
  total_count: null,
  is_bridge_online: null,
  online_ratio: null,
  min_online_count: null,
  max_online_count: null,
}

/** A bucket without a measured cycle is neither online nor offline. */
function pointOf(start: number, counts: BucketCount[] | undefined) {
  const timestamp = iso(start)
  const [first] = counts ?? []
  const last = counts?.at(-1)
  if (counts === undefined || first === undefined || last === undefined) return { timestamp, ...unmeasured }
  const cycles = counts.reduce((sum, each) => sum + each.cycles, 0)
  const online = counts.reduce((sum, each) => sum + (each.isOnline ? each.cycles : 0), 0)
  return {
    timestamp,
    online_count: medianOf(counts, cycles),
    total_count: Math.max(...counts.map((each) => each.totalCount)),
    is_bridge_online: online / cycles >= 0.5,
    online_ratio: ratio(online, cycles, 4),
    min_online_count: first.onlineCount,
    max_online_count: last.onlineCount,
  }
}

/** The median of ascending counts; for an even number the lower middle one, so that it is a count that occurred. */
function medianOf(counts: BucketCount[], cycles: number): number {
  let left = Math.floor((cycles - 1) / 2)
  for (const each of counts) {
    left -= each.cycles
    if (left < 0) return each.onlineCount
  }
  return 0
}

const average = (values: number[]) => values.reduce((a, b) => a + b, 0) / values.length
