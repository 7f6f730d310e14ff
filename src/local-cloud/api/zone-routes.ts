import { ApiError } from '../errors.ts'
import { paged } from './envelope.ts'
import type { Router } from './router.ts'

/** There is no DNS here, so there are no zones to be found. */
const zones: readonly { id: string }[] = []

export function zoneRoutes(router: Router): void {
  router.on('GET /zones', ({ query }) => {
    const { items, info } = paged(zones, query)
    return { result: items, resultInfo: info }
  })
}

/** Every call below a zone passes here first. Throws ApiError 7003 for what is no id, 9109 for one of nobody's. */
export function requireZone(id: string): void {
  if (!/^[0-9a-f]{32}$/.test(id)) throw new ApiError('unresolvable')
  if (!zones.some((zone) => zone.id === id)) throw new ApiError('zoneNotFound')
}
