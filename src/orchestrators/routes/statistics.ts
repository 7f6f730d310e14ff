import type { Knex } from 'knex'
import { type Route, route } from '../../platform/http/index.ts'
import { bridgeQuery, hoursQuery } from '../schema.ts'
import { bridgeStatistics } from '../statistics/bridge.ts'
import { networkStatistics } from '../statistics/networks.ts'
import { uptimeStatistics } from '../statistics/uptime.ts'

const hour = 3_600_000

export function statisticsRoutes(db: Knex): Route[] {
  const read = { method: 'get', access: 'orchestrators:read', invalidStatus: 422 } as const
  const until = (now: number, hours: number) => ({ from: now - hours * hour, to: now })
  return [
    route({
      ...read,
      path: '/api/v1/statistics/bridge',
      query: bridgeQuery,
      async handle({ query }) {
        const { hours, interval_minutes: intervalMinutes } = query
        return { body: await bridgeStatistics(db, { hours, intervalMinutes, now: Date.now() }) }
      },
    }),
    route({
      ...read,
      path: '/api/v1/statistics/networks',
      query: hoursQuery,
      handle: async ({ query }) => ({ body: await networkStatistics(db, until(Date.now(), query.hours)) }),
    }),
    route({
      ...read,
      path: '/api/v1/statistics/uptime',
      query: hoursQuery,
      handle: async ({ query }) => ({ body: await uptimeStatistics(db, until(Date.now(), query.hours)) }),
    }),
  ]
}
