import { z } from 'zod'
import type { CloudContext } from '../context.ts'
import { ApiError } from '../errors.ts'
import { newId, type WorkerRoute, type Zone } from '../store/zones.ts'
import { isWithin } from './names.ts'
import {
  canonicalPattern,
  type PatternProblem,
  parseRoutePattern,
  type RoutePattern,
} from './route-pattern.ts'

export const workerRouteBody = z.strictObject({
  pattern: z.string().min(1).max(500),
  script: z.string().optional(),
})

const patternMessages: Record<PatternProblem, string> = {
  wildcards:
    'A route pattern may have wildcards only at the beginning of the host name and at the end of the path.',
  query: 'A route pattern may not have query parameters.',
  syntax: 'The route pattern is invalid: expected a host name and a path.',
}

/** Parses a pattern of the zone. @throws ApiError 10022, Cloudflare's code for all invalid patterns */
function requirePattern(text: string, zone: Zone): RoutePattern {
  const pattern = parseRoutePattern(text)
  if ('problem' in pattern) throw new ApiError('badPattern', patternMessages[pattern.problem])
  if (!isWithin(pattern.host.replace(/^\./, ''), zone.name)) throw new ApiError('badPattern')
  return pattern
}

/** Creates a route, or replaces the route with the given id. @throws ApiError 10019, 10020 or 10022 */
export function putWorkerRoute(
  cloud: CloudContext,
  zone: Zone,
  input: { id?: string; body: z.output<typeof workerRouteBody> },
): WorkerRoute {
  const { store } = cloud
  const { pattern, script: scriptName } = input.body
  const canonical = canonicalPattern(requirePattern(pattern, zone))
  const script = scriptName === undefined ? undefined : store.scripts.find(scriptName)
  if (scriptName !== undefined && script === undefined) throw new ApiError('routeScriptNotFound')
  return store.transaction(() => {
    const id = input.id ?? newId()
    const isTaken = store.zones.routes(zone.id).some((each) => {
      const other = parseRoutePattern(each.pattern)
      return each.id !== id && !('problem' in other) && canonicalPattern(other) === canonical
    })
    if (isTaken) throw new ApiError('duplicatePattern')
    store.zones.putRoute({ id, zoneId: zone.id, pattern, scriptId: script?.id ?? null })
    return { id, pattern, scriptName: script?.name ?? null }
  })
}

export function requireWorkerRoute({ store }: CloudContext, zone: Zone, id: string): WorkerRoute {
  const found = store.zones.routes(zone.id).find((each) => each.id === id)
  if (found === undefined) throw new ApiError('routeNotFound')
  return found
}
