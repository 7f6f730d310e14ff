import { type EventHub, serveSse } from '../../platform/events/index.ts'
import { type Prepared, type Route, route } from '../../platform/http/index.ts'
import type { Board } from '../status/status-cache.ts'
import { statusStream } from '../status/stream.ts'

// A client may keep it, but asks each time whether it is still true.
const headers = { 'Cache-Control': 'private, no-cache' }
const answerOf = (prepared: Prepared) => ({ prepared, headers })

/** From memory, and live. */
export function statusRoutes(options: { board: Board; stream: EventHub }): Route[] {
  const { board, stream } = options
  const read = { method: 'get', access: 'orchestrators:read', invalidStatus: 422 } as const
  const prepared = (path: string, part: 'status' | 'summary') =>
    route({
      ...read,
      path,
      handle() {
        const version = board.current()
        return version instanceof Promise
          ? version.then((each) => answerOf(each[part]))
          : answerOf(version[part])
      },
    })
  return [
    prepared('/api/v1/orchestrators/status', 'status'),
    prepared('/api/v1/orchestrators/status/summary', 'summary'),
    // The same by the name that the list of endpoints gives it beside the status.
    prepared('/api/v1/orchestrators/summary', 'summary'),
    route({
      ...read,
      path: '/api/v1/orchestrators/events',
      async handle({ req, res, principal }) {
        const { seq } = await board.current()
        serveSse(req, res, { hub: stream, stream: statusStream, principal, head: { seq, ended: false } })
        return undefined
      },
    }),
  ]
}
