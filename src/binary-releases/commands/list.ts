import type { ApiClient } from '../../cli/api/client.ts'
import { type Output, table } from '../../cli/index.ts'
import { listAnswer } from './wire.ts'

/** The options of `capstan release list`. */
export interface ListFlags {
  channel?: string
  limit: number
}

export async function listReleases(client: ApiClient, flags: ListFlags, out: Output): Promise<void> {
  const { channel, limit } = flags
  const list = await client.call(listAnswer, { path: '/releases', query: { channel, limit } })
  const rows = list.releases.map((each) => [
    each.version,
    each.channel,
    each.released_at,
    Object.keys(each.platforms).length,
    each.yanked === null ? '' : `withdrawn: ${each.yanked.reason}`,
  ])
  const lines = table(['version', 'channel', 'released', 'platforms', ''], rows)
  if (list.next_cursor !== null) lines.push(`(only the newest ${rows.length} are shown)`)
  out.answer(lines, list)
}
