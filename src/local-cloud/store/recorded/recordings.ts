import type { DatabaseSync } from 'node:sqlite'
import { integer, type Row, stored, text } from '../rows.ts'
import { storedEmail } from './stored-email.ts'

export const recordingSchema = `
create table if not exists data_points (
  seq integer primary key autoincrement, dataset text not null, script_name text not null, written_at integer not null,
  point text not null
) strict;
create index if not exists data_points_by_dataset on data_points (dataset, seq);
create table if not exists sent_emails (
  seq integer primary key autoincrement, script_name text not null, sent_at integer not null, email text not null
) strict;
`

/** The number of rows that are kept: of each dataset, and of all emails. */
const kept = { points: 10_000, emails: 1000 }
/** The total size of the emails that are kept. */
const keptEmailBytes = 64 * 1024 * 1024

/** What an app wrote to a dataset of Analytics Engine. */
export interface DataPoint {
  indexes: (string | null)[]
  blobs: (string | null)[]
  doubles: number[]
}

export interface RecordedPoint extends DataPoint {
  seq: number
  script: string
  /** In milliseconds since the epoch. */
  writtenAt: number
}

export interface RecordedEmail {
  seq: number
  script: string
  /** In milliseconds since the epoch. */
  sentAt: number
  /** The email as the app gave it, long ones shortened; binary parts are base64. */
  email: Record<string, unknown>
}

const toPoint = (row: Row): RecordedPoint => ({
  seq: integer(row, 'seq'),
  script: text(row, 'script_name'),
  writtenAt: integer(row, 'written_at'),
  ...stored<DataPoint>(row, 'point'),
})

const toEmail = (row: Row): RecordedEmail => ({
  seq: integer(row, 'seq'),
  script: text(row, 'script_name'),
  sentAt: integer(row, 'sent_at'),
  email: stored(row, 'email'),
})

/** The SQL of what apps wrote to services that the local cloud only records. */
export class RecordingStore {
  readonly #db: DatabaseSync

  constructor(db: DatabaseSync) {
    this.#db = db
  }

  addPoint(dataset: string, script: string, point: DataPoint, now: number): void {
    const sql = 'insert into data_points (dataset, script_name, written_at, point) values (?, ?, ?, ?)'
    this.#db.prepare(sql).run(dataset, script, now, JSON.stringify(point))
    const old = `delete from data_points where dataset = ? and seq <=
      (select seq from data_points where dataset = ? order by seq desc limit 1 offset ?)`
    this.#db.prepare(old).run(dataset, dataset, kept.points)
  }

  /** The names of the datasets with the numbers of their points. */
  datasets(): { dataset: string; points: number }[] {
    const sql = 'select dataset, count(*) as points from data_points group by dataset order by dataset'
    const rows = this.#db.prepare(sql).all()
    return rows.map((row) => ({ dataset: text(row, 'dataset'), points: integer(row, 'points') }))
  }

  /** The points of a dataset with a higher number than `after`, oldest first. */
  points(dataset: string, { after, limit }: { after: number; limit: number }): RecordedPoint[] {
    const sql = 'select * from data_points where dataset = ? and seq > ? order by seq limit ?'
    return this.#db.prepare(sql).all(dataset, after, limit).map(toPoint)
  }

  /** Records an email, and deletes the oldest ones above the limits of their number and total size. */
  addEmail(script: string, email: object, now: number): void {
    const sql = 'insert into sent_emails (script_name, sent_at, email) values (?, ?, ?)'
    this.#db.prepare(sql).run(script, now, storedEmail(email))
    const old = `delete from sent_emails where seq in (select seq from (
      select seq, row_number() over newest as number, sum(octet_length(email)) over newest as bytes
      from sent_emails window newest as (order by seq desc)) where number > ? or bytes > ?)`
    this.#db.prepare(old).run(kept.emails, keptEmailBytes)
  }

  /** The emails with a higher number than `after`, oldest first. */
  emails({ after, limit }: { after: number; limit: number }): RecordedEmail[] {
    const sql = 'select * from sent_emails where seq > ? order by seq limit ?'
    return this.#db.prepare(sql).all(after, limit).map(toEmail)
  }
}
