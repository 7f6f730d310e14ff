import { type EventHub, serveSse } from '../../platform/events/index.ts'
import { type Prepared, type Route, route } from '../../platform/http/index.ts'
import type { StatusCache } from '../status/status-cache.ts'
import { statusStream } from '../status/stream.ts'
import { operation } from './operation.ts'

// A client may store the answer, but must revalidate it each time.
const headers = { 'Cache-Control': 'private, no-cache' }
const answerOf = (prepared: Prepared) => ({ prepared, headers })

/** The status from memory, and its live streams. */
export function statusRoutes(options: { cache: StatusCache; stream: EventHub }): Route[] {
  const { cache, stream } = options
  const read = { method: 'get', access: 'orchestrators:read', invalidStatus: 422 } as const
  const prepared = (of: Pick<Route, 'operation' | 'path'>, part: 'status' | 'summary') =>
    route({
      ...read,
      ...of,
      handle() {
        const snapshot = cache.current()
        return snapshot instanceof Promise
          ? snapshot.then((each) => answerOf(each[part]))
          : answerOf(snapshot[part])
      },
    })
  return [
    prepared({ ...operation('getBridgeStatus'), path: '/api/v1/orchestrators/status' }, 'status'),
    prepared(
      { ...operation('getBridgeStatusSummary'), path: '/api/v1/orchestrators/status/summary' },
      'summary',
    ),
    // An alias of the summary, from the endpoint list of the specification.
    prepared({ ...operation('getBridgeSummary'), path: '/api/v1/orchestrators/summary' }, 'summary'),
    route({
      ...operation('watchBridgeStatus'),
      ...read,
      path: '/api/v1/orchestrators/events',
      async handle({ req, res, principal }) {
        const { seq } = await cache.current()
        serveSse(req, res, { hub: stream, stream: statusStream, principal, head: { seq, ended: false } })
        return undefined
      },
    }),
  ]
}
