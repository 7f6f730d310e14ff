import type { Knex } from 'knex'
import { networks } from '../node/networks.ts'
import { type BacklogSums, latestBacklogs, sumNetworks } from '../store/statistics.ts'
import { cut, type Span } from './pieces.ts'
import { iso, rounded } from './rounding.ts'

/** The requests that waited for a signature. Backlogs are gauges; `total_*` keep their old, misleading name. */
export async function networkStatistics(db: Knex, period: Span) {
  const [sums, current] = await Promise.all([sumNetworks(db, cut([period])), latestBacklogs(db, period)])
  const bounds = { period_start: iso(period.from), period_end: iso(period.to) }
  return {
    ...bounds,
    networks: networks.map((network) => {
      const found = sums.get(network)
      const gauge = (kind: 'wraps' | 'unwraps') => ({
        current: current[network]?.[kind] ?? null,
        ...gaugeOf(found?.[kind], found?.cycles ?? 0),
      })
      return {
        network,
        total_wraps: found?.wraps.sum ?? 0,
        total_unwraps: found?.unwraps.sum ?? 0,
        ...bounds,
        wraps: gauge('wraps'),
        unwraps: gauge('unwraps'),
      }
    }),
  }
}

function gaugeOf(sums: BacklogSums | undefined, cycles: number) {
  if (sums === undefined) return { max: null, avg: null, minutes_above_zero: null }
  return {
    max: sums.max,
    avg: rounded(sums.sum / cycles, 2),
    minutes_above_zero: rounded(sums.aboveSeconds / 60, 2),
  }
}
