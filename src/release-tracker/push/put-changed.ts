import type { Run } from '../../platform/jobs/index.ts'
import type { TrackerContext } from '../context.ts'
import type { Outbox } from '../store/outbox.ts'
import { type After, readOutgoing } from '../store/outgoing.ts'
import type { MasterClient } from './master-client.ts'

/**
 * For a master that does not know batches: what runs now, one call for each container that changed, oldest first.
 * Repeating it after a fault is harmless. @throws the answer, or the fault, that a later attempt may not meet.
 */
export async function putChanged(
  about: { context: TrackerContext; master: MasterClient; run: Run },
  outbox: Outbox,
): Promise<{ items: number; rejected: number }> {
  const { context, master, run } = about
  const { db, config } = context
  const told = { items: 0, rejected: 0 }
  let after: After | undefined
  for (;;) {
    const items = await readOutgoing(db, config, { since: outbox.acknowledged, after, limit: 1000 })
    for (const item of items.filter(({ ended, is_news }) => ended === null && is_news)) {
      const parts = [item.namespace, item.kind, item.workload, item.container].map(encodeURIComponent)
      const body = {
        image_tag: item.image_tag,
        image_sha: item.image_sha,
        image_repo: item.image_repo,
        image_name: item.image_name,
        client_name: config.clientName,
        env_name: config.envName,
        released_at: item.first_seen.toISOString(),
      }
      const answer = await master.put(`/api/collect/${parts.join('/')}`, body, run.signal)
      const refused = answer.status === 400 || answer.status === 409 || answer.status === 422
      if (answer.status !== 200 && !refused) throw answer
      told.items++
      if (!refused) continue
      told.rejected++
      run.log.warn({ name: parts.join('/'), status: answer.status }, 'the master refused a release')
    }
    const end = items.at(-1)
    if (items.length < 1000 || end === undefined) return told
    after = { firstSeen: end.first_seen, id: end.id }
  }
}
