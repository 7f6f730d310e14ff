import { createHash } from 'node:crypto'
import type { Knex } from 'knex'
import { storableText, truncate } from '../../../platform/postgres/storable-text.ts'
import type { TrackerContext } from '../../context.ts'
import { noteRejections, type Rejection } from '../../store/push/waiting.ts'
import type { Place } from '../../store/scopes.ts'
import { reasonOf } from '../reasons.ts'
import type { ItemResult } from '../wire.ts'

const isRejected = ({ status }: ItemResult) => status === 'invalid' || status === 'conflict'

/** Keeps what an environment has sent and was not stored, for its report; the log has what is new of it. */
export async function noteResults(
  trx: Knex.Transaction,
  context: Pick<TrackerContext, 'log'>,
  about: { place: Place; items: unknown[]; results: ItemResult[] },
): Promise<void> {
  const { place, items, results } = about
  const rejected = results.filter(isRejected).map((result): Rejection => {
    return { item: nameOf(items[result.index]), reason: reasonOf(result.status, result.fields) }
  })
  const stored = results.filter((result) => !isRejected(result)).map(({ index }) => nameOf(items[index]))
  await noteAnswered(trx, context, { place, rejected, stored })
}

/** @see noteResults: of items that came by any way. */
export async function noteAnswered(
  db: Knex,
  { log }: Pick<TrackerContext, 'log'>,
  about: { place: Place; rejected: Rejection[]; stored: string[] },
): Promise<void> {
  const { place, rejected, stored } = about
  const { fresh, settled } = await noteRejections(db, place, { rejected, stored })
  const name = `${place.clientName}/${place.envName}`
  const [first] = rejected
  if (fresh > 0 && first !== undefined)
    log.warn({ name, count: fresh, reason: first.reason }, 'releases of a slave were not stored')
  if (settled > 0) log.info({ name, count: settled }, 'releases of a slave that had been rejected are stored')
}

/** Components that rejected items name, as far as they name one. */
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
