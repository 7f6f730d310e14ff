import type { Outbox } from '../../store/push/outbox.ts'
import { acknowledge } from '../../store/push/outbox.ts'
import { type OutgoingInterval, readDue } from '../../store/push/outgoing.ts'
import { queueUndelivered } from '../../store/push/waiting.ts'
import type { MasterAnswer } from './master-client.ts'
import { answerTo, type Push, recordAnswer, Undelivered } from './progress.ts'
import { mayBlameContent, refusalReason } from './refusals.ts'

const pageSize = 1000
/** A fault of the master's own code may be about one release. So many in a row are an outage. */
const maxFaultsInARow = 3

/**
 * Delivers releases to a master without batches, one PUT for each. The run is acknowledged by making a waiting item of
 * every release in it, so each one has a fate of its own: it is deleted when the master answers 200, and otherwise
 * keeps its reason and the time of its next try. Repeating a PUT is harmless.
 * @throws Undelivered when the master can't be reached or refuses the caller; what was not sent yet stays due.
 */
export async function putReleases(push: Push, outbox: Outbox): Promise<void> {
  const { db, config } = push.context
  await db.transaction(async (trx) => {
    await queueUndelivered(trx, config, outbox.acknowledged)
    await acknowledge(trx, outbox.collectorId, outbox.sequence)
  })
  let faults = 0
  for (let after: OutgoingInterval | undefined; ; ) {
    const page = await readDue(db, config, { after, limit: pageSize })
    for (const item of page) {
      const answer = await put(push, item)
      const isFault = answer.status === 0 || answer.status >= 500
      faults = isFault ? faults + 1 : 0
      const rejected = answer.status !== 200
      const isOutage = !mayBlameContent(answer, push.run.attempt) || faults > maxFaultsInARow
      if (rejected && isOutage) throw new Undelivered('a release', answer)
      await recordAnswer(push, [item], {
        rejected: new Map(rejected ? [[0, refusalReason(answer)]] : []),
        alone: rejected,
      })
    }
    after = page.at(-1)
    if (page.length < pageSize) return
  }
}

function put(push: Push, item: OutgoingInterval): Promise<MasterAnswer> {
  const { config } = push.context
  const path = [item.namespace, item.kind, item.workload, item.container].map(encodeURIComponent).join('/')
  const body = {
    image_tag: item.image_tag,
    image_sha: item.image_sha,
    image_repo: item.image_repo,
    image_name: item.image_name,
    client_name: config.clientName,
    env_name: config.envName,
    released_at: item.first_seen.toISOString(),
  }
  return answerTo(push, push.master.put(`/api/collect/${path}`, body, push.run.signal))
}
