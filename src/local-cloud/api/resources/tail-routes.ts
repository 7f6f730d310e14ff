import { z } from 'zod'
import { maskValuesDeep } from '../../../platform/logging/mask-values.ts'
import type { CloudContext } from '../../context.ts'
import { ApiError } from '../../errors.ts'
import { secretsOf } from '../../runtime/startup/check.ts'
import { requireScript } from '../../scripts/lifecycle.ts'
import { tailBody } from '../../tails/filters.ts'
import type { Tail } from '../../tails/tails.ts'
import { readJson } from '../body.ts'
import type { Router } from '../router.ts'

const tails = '/accounts/{account}/workers/scripts/{script}/tails'

/** The routes of live tails. */
export function tailRoutes(router: Router, cloud: CloudContext): void {
  const view = ({ id, expiresAt }: Tail, port: number | undefined) => ({
    id,
    url: `ws://127.0.0.1:${port}/capstan/tails/${id}`,
    expires_at: new Date(expiresAt).toISOString(),
  })
  router
    .on(`POST ${tails}`, async ({ req, param }) => {
      const { name } = requireScript(cloud, param('script'))
      const hasBody = Number(req.headers['content-length'] ?? 0) > 0
      const { filters = [] } = hasBody ? await readJson(req, tailBody) : {}
      return { result: view(cloud.tails.create(name, filters), req.socket.localPort) }
    })
    .on(`GET ${tails}`, ({ req, param }) => {
      const { name } = requireScript(cloud, param('script'))
      // The response has one tail, as in Cloudflare's description: the newest.
      const tail = cloud.tails.of(name).at(-1)
      if (tail === undefined) throw new ApiError('tailNotFound')
      return { result: view(tail, req.socket.localPort) }
    })
    .on(`DELETE ${tails}/{tail}`, ({ param }) => {
      if (!cloud.tails.delete(param('script'), param('tail'))) throw new ApiError('tailNotFound')
      return { result: null }
    })
}

const maxEventsBytes = 8 * 1024 * 1024

/** The route to which the trace Workers send the events of a script. It is not part of Cloudflare's API. */
export function traceRoute(router: Router, cloud: CloudContext): void {
  router.on('POST /traces/{script}', async ({ req, param }) => {
    const events = await readJson(req, z.array(z.looseObject({})), maxEventsBytes)
    const script = cloud.store.scripts.find(param('script'))
    if (script === undefined || !cloud.tails.isRead(script.name)) return { result: null }
    const shares = cloud.store.versions.serving(script.id)?.versions ?? []
    const bindings = shares.flatMap(
      (share) => cloud.store.versions.find(script.id, share.version_id)?.bindings ?? [],
    )
    const named = events.map((event) => ({ ...event, scriptName: script.name }))
    cloud.tails.publish(script.name, maskValuesDeep(named, secretsOf(bindings), '[secret]'))
    return { result: null }
  })
}
