import { type EventHub, serveSse } from '../../platform/events/index.ts'
import { type Route, route, sendPrepared } from '../../platform/http/index.ts'
import type { Board } from '../board.ts'
import { statusStream } from '../stream.ts'

/** From memory, and live. */
export function statusRoutes(options: { board: Board; stream: EventHub }): Route[] {
  const { board, stream } = options
  const read = { method: 'get', access: 'orchestrators:read', invalidStatus: 422 } as const
  const prepared = (path: string, part: 'status' | 'summary') =>
    route({
      ...read,
      path,
      async handle({ req, res }) {
        sendPrepared(req, res, (await board.current())[part])
        return undefined
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
