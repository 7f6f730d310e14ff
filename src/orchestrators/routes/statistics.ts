import type { Knex } from 'knex'
import { type Route, route } from '../../platform/http/index.ts'
import { bridgeQuery, hoursQuery } from '../schema.ts'
import { bridgeStatistics } from '../statistics/bridge.ts'
import { networkStatistics } from '../statistics/networks.ts'
import { uptimeStatistics } from '../statistics/uptime.ts'
import { operation } from './operation.ts'

const hour = 3_600_000

/** @param now the database's time, in milliseconds */
export function statisticsRoutes(db: Knex, now: () => number): Route[] {
  const read = { method: 'get', access: 'orchestrators:read', invalidStatus: 422 } as const
  const until = (to: number, hours: number) => ({ from: to - hours * hour, to })
  return [
    route({
      ...operation('getBridgeStatistics'),
      ...read,
      path: '/api/v1/statistics/bridge',
      query: bridgeQuery,
      async handle({ query }) {
        const { hours, interval_minutes: intervalMinutes } = query
        return { body: await bridgeStatistics(db, { hours, intervalMinutes, now: now() }) }
      },
    }),
    route({
      ...operation('getNetworkStatistics'),
      ...read,
      path: '/api/v1/statistics/networks',
      query: hoursQuery,
      handle: async ({ query }) => ({ body: await networkStatistics(db, until(now(), query.hours)) }),
    }),
    route({
      ...operation('getUptimeStatistics'),
      ...read,
      path: '/api/v1/statistics/uptime',
      query: hoursQuery,
      handle: async ({ query }) => ({ body: await uptimeStatistics(db, until(now(), query.hours)) }),
    }),
  ]
}
