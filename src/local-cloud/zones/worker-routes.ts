import { z } from 'zod'
import type { Cloud } from '../context.ts'
import { ApiError } from '../errors.ts'
import { newId, type WorkerRoute, type Zone } from '../store/zones.ts'
import { isWithin } from './names.ts'

export const workerRouteBody = z.strictObject({
  pattern: z.string().min(1).max(500),
  script: z.string().optional(),
})

/** A pattern of a host and a path, with wildcards at its two ends only. */
const shape = /^(?:https?:\/\/)?(?:\*\.?)?([a-z0-9.-]+)(?:\/[^*\s]*\*?)?$/i

/** @param id of the route that is replaced; a new one otherwise. */
export function putWorkerRoute(
  cloud: Cloud,
  zone: Zone,
  given: { id?: string; body: z.output<typeof workerRouteBody> },
): WorkerRoute {
  const { store } = cloud
  const { pattern, script: scriptName } = given.body
  const [, host] = shape.exec(pattern) ?? []
  if (host === undefined || !isWithin(host.toLowerCase(), zone.name)) throw new ApiError('badPattern')
  const script = scriptName === undefined ? undefined : store.scripts.find(scriptName)
  if (scriptName !== undefined && script === undefined) throw new ApiError('routeScriptNotFound')
  return store.transaction(() => {
    const id = given.id ?? newId()
    if (store.zones.routes(zone.id).some((each) => each.pattern === pattern && each.id !== id))
      throw new ApiError('duplicatePattern')
    store.zones.putRoute({ id, zoneId: zone.id, pattern, scriptId: script?.id ?? null })
    return { id, pattern, scriptName: script?.name ?? null }
  })
}

export function requireWorkerRoute({ store }: Cloud, zone: Zone, id: string): WorkerRoute {
  const found = store.zones.routes(zone.id).find((each) => each.id === id)
  if (found === undefined) throw new ApiError('routeNotFound')
  return found
}
