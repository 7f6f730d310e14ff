import type { Knex } from 'knex'
import type { Place } from '../scopes.ts'

export type PingStatus = 'online' | 'warning' | 'offline'

export interface Ping {
  place: Place
  lastPing: Date
  sentAt: Date | null
  slaveVersion: string | null
  /** The status that was last published as an event. The current one follows from the age. */
  status: PingStatus
}

interface PingRow {
  client_name: string
  env_name: string
  last_ping: Date
  sent_at: Date | null
  slave_version: string | null
  status: PingStatus
}

/** Records a ping with the master's time. @returns the status that was published before; undefined for the first ping. */
export async function recordPing(
  trx: Knex.Transaction,
  ping: { place: Place; at: Date; sentAt: Date | undefined; slaveVersion: string | undefined },
): Promise<PingStatus | undefined> {
  const key = { client_name: ping.place.clientName, env_name: ping.place.envName }
  const before = await trx('tracker_pings').where(key).forUpdate().first('status')
  const values = {
    last_ping: ping.at,
    sent_at: ping.sentAt ?? null,
    slave_version: ping.slaveVersion ?? null,
    status: 'online',
  }
  await trx('tracker_pings')
    .insert({ ...key, ...values })
    .onConflict(['client_name', 'env_name'])
    .merge(values)
  return before?.status
}

export async function listPings(db: Knex, clientName: string | undefined): Promise<Ping[]> {
  const rows: PingRow[] = await db('tracker_pings')
    .modify((query) => clientName === undefined || query.where({ client_name: clientName }))
    .orderBy(['client_name', 'env_name'])
  return rows.map(toPing)
}

/** Locks all pings that are not published as offline, to check whether their status has changed. */
export async function lockPingsNotOffline(trx: Knex.Transaction): Promise<Ping[]> {
  const rows: PingRow[] = await trx('tracker_pings')
    .whereNot({ status: 'offline' })
    .orderBy(['client_name', 'env_name'])
    .forUpdate()
  return rows.map(toPing)
}

export async function setPingStatus(trx: Knex.Transaction, place: Place, status: PingStatus): Promise<void> {
  await trx('tracker_pings')
    .where({ client_name: place.clientName, env_name: place.envName })
    .update({ status })
}

const toPing = (row: PingRow): Ping => ({
  place: { clientName: row.client_name, envName: row.env_name },
  lastPing: row.last_ping,
  sentAt: row.sent_at,
  slaveVersion: row.slave_version,
  status: row.status,
})
