import type { FollowOptions, ServerEvent } from '../../../client/src/index.ts'
import type { ApiClient } from './client.ts'

/**
 * Yields the events of the stream at a path to its `end`, over any number of connections.
 * @throws as `ApiClient.call`
 */
export function followEvents(
  { api }: ApiClient,
  path: string,
  options?: FollowOptions,
): AsyncGenerator<ServerEvent, void> {
  return api.follow({ path }, options)
}
