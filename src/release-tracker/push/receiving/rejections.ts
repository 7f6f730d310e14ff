import { createHash } from 'node:crypto'
import type { Knex } from 'knex'
import { storableText, truncate } from '../../../platform/postgres/storable-text.ts'
import type { TrackerContext } from '../../context.ts'
import { noteRejections, type Rejection } from '../../store/push/rejections.ts'
import type { Place } from '../../store/scopes.ts'
import { reasonOf } from '../reasons.ts'
import type { ItemResult } from '../wire.ts'

const isRejected = ({ status }: ItemResult) => status === 'invalid' || status === 'conflict'

/** Records the items of an environment that were not stored, for its report, and logs the new ones. */
export async function noteResults(
  trx: Knex.Transaction,
  context: Pick<TrackerContext, 'log'>,
  { place, items, results }: { place: Place; items: unknown[]; results: ItemResult[] },
): Promise<void> {
  const rejected = results.filter(isRejected).map((result): Rejection => {
    return { item: nameOf(items[result.index]), reason: reasonOf(result.status, result.fields) }
  })
  const stored = results.filter((result) => !isRejected(result)).map(({ index }) => nameOf(items[index]))
  await noteAnswered(trx, context, { place, rejected, stored })
}

/** Records items that were stored or rejected, by a batch or a PUT. @see noteResults */
export async function noteAnswered(
  db: Knex,
  { log }: Pick<TrackerContext, 'log'>,
  { place, rejected, stored }: { place: Place; rejected: Rejection[]; stored: string[] },
): Promise<void> {
  const { fresh, settled } = await noteRejections(db, place, { rejected, stored })
  const name = `${place.clientName}/${place.envName}`
  const [first] = rejected
  if (fresh > 0 && first !== undefined)
    log.warn({ name, count: fresh, reason: first.reason }, 'Releases of a slave were rejected')
  if (settled > 0)
    log.info({ name, count: settled }, 'Releases of a slave that were rejected before are stored now')
}

/** The components that rejected items name, as far as their names are readable. */
export function rejectedIn(items: unknown[], results: ItemResult[]) {
  return results.filter(isRejected).map(({ index }) => {
    const of = fieldsOf(items[index])
    return {
      namespace: of('namespace'),
      kind: of('workload_kind'),
      workload: of('workload_name'),
      container: of('container_name'),
    }
  })
}

/** A row of an index holds 2,704 bytes at most, and has the names of the client and the environment, too. */
const mostNameBytes = 1000

/**
 * `<namespace>/<kind>/<workload>/<container> <tag>@<digest>`, of an item that may be anything. At most 1,000 bytes: a
 * longer name ends with a hash of the whole.
 */
export function nameOf(item: unknown): string {
  const of = fieldsOf(item)
  const path = ['namespace', 'workload_kind', 'workload_name', 'container_name'].map(of).join('/')
  const whole = `${path} ${of('image_tag')}@${of('image_sha')}`
  if (Buffer.byteLength(whole) <= mostNameBytes) return whole
  // A character has at most four bytes.
  const start = truncate(whole, mostNameBytes / 4 - 20)
  return `${start}... ${createHash('sha256').update(whole).digest('hex')}`
}

/** Texts of an item, so that the database can store them. */
function fieldsOf(item: unknown): (name: string) => string {
  const fields = (typeof item === 'object' && item !== null ? item : {}) as Record<string, unknown>
  return (name) => {
    const value = fields[name]
    return typeof value === 'string' ? truncate(storableText(value), 300) : ''
  }
}
