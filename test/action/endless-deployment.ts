import {
  type Answering,
  deploymentApi,
  deploymentId,
  event,
  json,
  openStream,
  wrapped,
} from '../cli/fake-api.ts'

/** A deployment that ends only when it is cancelled. */
export function endlessDeployment(): Answering {
  const cancelled = deploymentApi('cancelled')
  const endStream = Promise.withResolvers<void>()
  return async (asked, res) => {
    if (asked.path.endsWith('/cancel')) {
      json(res, 202, wrapped({ deploymentId, jobId: 'j' }))
      return endStream.resolve()
    }
    if (!asked.path.endsWith('/logs')) return cancelled(asked, res)
    openStream(res)
    res.write(event(1, 'message', { timestamp: 't', level: 'info', message: 'Waiting' }))
    await endStream.promise
    res.end(event(2, 'end', { deploymentId, status: 'cancelled' }))
  }
}
