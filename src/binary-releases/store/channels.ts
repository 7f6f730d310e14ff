import type { Knex } from 'knex'
import type { Channel } from '../catalogue/metadata.ts'

export interface ChannelRow {
  channel: Channel
  version: string | null
  revision: number
  /** The revision that was written to the store's pointer. */
  written: number
}

export type MoveKind = 'found' | 'published' | 'promoted' | 'fell-back'

export interface Move {
  channel: Channel
  version: string | null
  kind: MoveKind
  by: string
}

export interface Yank {
  version: string
  reason: string
  by: string
  at: Date
}

export const stateChannel = 'release_state'

export async function readChannels(db: Knex): Promise<ChannelRow[]> {
  return db('release_channels').select('channel', 'version', 'revision', 'written')
}

/** Locks the channel's row, created on the first move, so that concurrent moves run one after the other. */
export async function lockChannel(trx: Knex.Transaction, channel: Channel): Promise<ChannelRow> {
  await trx('release_channels').insert({ channel }).onConflict('channel').ignore()
  return trx('release_channels')
    .where({ channel })
    .forUpdate()
    .first('channel', 'version', 'revision', 'written')
}

/** Moves the channel and records the move. The store's pointer is then one revision behind. */
export async function recordMove(trx: Knex.Transaction, { channel, version, kind, by }: Move): Promise<void> {
  await trx('release_channel_moves').insert({ channel, version, kind, moved_by: by })
  // A move found in the store needs no write to the store.
  const written = kind === 'found' ? trx.raw('revision + 1') : undefined
  await trx('release_channels')
    .where({ channel })
    .update({ version, revision: trx.raw('revision + 1'), ...(written === undefined ? {} : { written }) })
  await announce(trx)
}

export async function markWritten(trx: Knex.Transaction, channel: Channel, revision: number): Promise<void> {
  await trx('release_channels').where({ channel, revision }).update({ written: revision })
  await announce(trx)
}

/** The channel's previous versions, newest first, without withdrawn ones. */
export async function earlierVersions(db: Knex, channel: Channel): Promise<string[]> {
  const { rows } = await db.raw(
    `select version from release_channel_moves as move
      where channel = ? and version is not null
        and not exists (select 1 from release_yanks as yank where yank.version = move.version)
      group by version order by max(id) desc limit 100`,
    [channel],
  )
  return rows.map((row: { version: string }) => row.version)
}

export async function readYanks(db: Knex): Promise<Yank[]> {
  return db('release_yanks').select('version', 'reason', { by: 'yanked_by' }, 'at')
}

export async function findYank(db: Knex, version: string): Promise<Yank | undefined> {
  return db('release_yanks').where({ version }).first('version', 'reason', { by: 'yanked_by' }, 'at')
}

/** Withdraws a version. @returns the withdrawal that applies: the first one */
export async function insertYank(trx: Knex.Transaction, yank: Omit<Yank, 'at'>): Promise<Yank> {
  const { version, reason, by } = yank
  await trx('release_yanks').insert({ version, reason, yanked_by: by }).onConflict('version').ignore()
  await announce(trx)
  return trx('release_yanks').where({ version }).first('version', 'reason', { by: 'yanked_by' }, 'at')
}

/** Makes every web process read the state again after the commit. */
async function announce(trx: Knex.Transaction): Promise<void> {
  await trx.raw(`select pg_notify('${stateChannel}', '')`)
}
