import { randomBytes } from 'node:crypto'
import type { DatabaseSync } from 'node:sqlite'
import { integer, type Row, stored, text, textOrNull } from './rows.ts'

/**
 * A message is `claimed` while a Worker handles it; a start of the cloud releases all claims. A message that was pulled is
 * invisible until its lease ends, and has the lease's id as long as nobody else has pulled it.
 */
export const queueSchema = `
create table if not exists queues (
  id text primary key, name text not null unique, created_on text not null, modified_on text not null,
  settings text not null default '{}', purged_at text
) strict;
create table if not exists queue_consumers (
  id text primary key, queue_id text not null unique references queues (id) on delete cascade,
  script_id integer references scripts (id) on delete cascade, type text not null, dead_letter_queue text,
  settings text not null, created_on text not null
) strict;
create table if not exists queue_messages (
  seq integer primary key autoincrement, id text not null unique,
  queue_id text not null references queues (id) on delete cascade, body text not null, content_type text not null,
  sent_at integer not null, visible_at integer not null, attempts integer not null default 0,
  claimed integer not null default 0
) strict;
create index if not exists queue_messages_due on queue_messages (queue_id, claimed, visible_at);
update queue_messages set claimed = 0 where claimed = 1;
create table if not exists queue_leases (
  lease_id text primary key, message_id text not null unique references queue_messages (id) on delete cascade
) strict;
`

export interface QueueSettings {
  delivery_delay?: number | undefined
  delivery_paused?: boolean | undefined
  message_retention_period?: number | undefined
}

export interface Queue {
  id: string
  name: string
  createdOn: string
  modifiedOn: string
  settings: QueueSettings
  purgedAt: string | null
}

export interface ConsumerSettings {
  batch_size?: number | undefined
  max_retries?: number | undefined
  max_wait_time_ms?: number | undefined
  max_concurrency?: number | null | undefined
  retry_delay?: number | undefined
  visibility_timeout_ms?: number | undefined
}

export interface Consumer {
  id: string
  queueId: string
  /** Null for `http_pull`. */
  scriptId: number | null
  type: 'worker' | 'http_pull'
  deadLetterQueue: string | null
  settings: ConsumerSettings
  createdOn: string
}

export type ContentType = 'json' | 'text' | 'bytes'

export interface NewMessage {
  /** JSON, text, or base64 for `bytes`. */
  body: string
  contentType: ContentType
  /** In milliseconds since the epoch. */
  visibleAt: number
}

/** A message that a client has pulled. */
export interface LeasedMessage extends Message {
  leaseId: string
}

export interface Message extends NewMessage {
  id: string
  sentAt: number
  attempts: number
}

const newId = () => randomBytes(16).toString('hex')

const toQueue = (row: Row): Queue => ({
  id: text(row, 'id'),
  name: text(row, 'name'),
  createdOn: text(row, 'created_on'),
  modifiedOn: text(row, 'modified_on'),
  settings: stored(row, 'settings'),
  purgedAt: textOrNull(row, 'purged_at'),
})

const toConsumer = (row: Row): Consumer => ({
  id: text(row, 'id'),
  queueId: text(row, 'queue_id'),
  scriptId: row.script_id === null ? null : integer(row, 'script_id'),
  type: text(row, 'type') === 'worker' ? 'worker' : 'http_pull',
  deadLetterQueue: textOrNull(row, 'dead_letter_queue'),
  settings: stored(row, 'settings'),
  createdOn: text(row, 'created_on'),
})

const toMessage = (row: Row): Message => ({
  id: text(row, 'id'),
  body: text(row, 'body'),
  contentType: text(row, 'content_type') as ContentType,
  sentAt: integer(row, 'sent_at'),
  visibleAt: integer(row, 'visible_at'),
  attempts: integer(row, 'attempts'),
})

/** The SQL of queues, their consumers and messages, without business rules. */
export class QueueStore {
  readonly #db: DatabaseSync

  constructor(db: DatabaseSync) {
    this.#db = db
  }

  list = (): Queue[] => this.#db.prepare('select * from queues order by created_on, name').all().map(toQueue)

  find(id: string): Queue | undefined {
    const row = this.#db.prepare('select * from queues where id = ?').get(id)
    return row === undefined ? undefined : toQueue(row)
  }

  named(name: string): Queue | undefined {
    const row = this.#db.prepare('select * from queues where name = ?').get(name)
    return row === undefined ? undefined : toQueue(row)
  }

  create(name: string, settings: QueueSettings, now: string): string {
    const id = newId()
    const sql = 'insert into queues (id, name, created_on, modified_on, settings) values (?, ?, ?, ?, ?)'
    this.#db.prepare(sql).run(id, name, now, now, JSON.stringify(settings))
    return id
  }

  update(id: string, change: { name: string; settings: QueueSettings }, now: string): void {
    const sql = 'update queues set name = ?, settings = ?, modified_on = ? where id = ?'
    this.#db.prepare(sql).run(change.name, JSON.stringify(change.settings), now, id)
  }

  delete(id: string): void {
    this.#db.prepare('delete from queues where id = ?').run(id)
  }

  consumers = (): Consumer[] =>
    this.#db.prepare('select * from queue_consumers order by created_on').all().map(toConsumer)

  consumerOf(queueId: string): Consumer | undefined {
    const row = this.#db.prepare('select * from queue_consumers where queue_id = ?').get(queueId)
    return row === undefined ? undefined : toConsumer(row)
  }

  /** Creates the consumer of a queue, or replaces it under the same id. */
  putConsumer(consumer: Omit<Consumer, 'id'>): void {
    const sql = `insert into queue_consumers (id, queue_id, script_id, type, dead_letter_queue, settings, created_on)
      values (?, ?, ?, ?, ?, ?, ?) on conflict (queue_id) do update set script_id = excluded.script_id,
      type = excluded.type, dead_letter_queue = excluded.dead_letter_queue, settings = excluded.settings`
    const { queueId, scriptId, type, deadLetterQueue, settings, createdOn } = consumer
    const json = JSON.stringify(settings)
    this.#db.prepare(sql).run(newId(), queueId, scriptId, type, deadLetterQueue, json, createdOn)
  }

  deleteConsumer(id: string): void {
    this.#db.prepare('delete from queue_consumers where id = ?').run(id)
  }

  send(queueId: string, messages: NewMessage[], now: number): void {
    const sql = `insert into queue_messages (id, queue_id, body, content_type, sent_at, visible_at)
      values (?, ?, ?, ?, ?, ?)`
    const insert = this.#db.prepare(sql)
    for (const { body, contentType, visibleAt } of messages) {
      insert.run(newId(), queueId, body, contentType, now, visibleAt)
    }
  }

  /** The number of messages that can be delivered now, and the earliest time at which any can. */
  due(queueId: string, now: number): { ready: number; firstAt: number | undefined } {
    const sql = `select count(*) filter (where visible_at <= ?) as ready, min(visible_at) as first_at
      from queue_messages where queue_id = ? and claimed = 0`
    const row = this.#db.prepare(sql).get(now, queueId)
    if (row === undefined || row.first_at === null) return { ready: 0, firstAt: undefined }
    return { ready: integer(row, 'ready'), firstAt: integer(row, 'first_at') }
  }

  /** Claims the oldest messages and counts the attempt. */
  claim(queueId: string, limit: number, now: number): Message[] {
    const sql = `update queue_messages set claimed = 1, attempts = attempts + 1 where seq in (
      select seq from queue_messages where queue_id = ? and claimed = 0 and visible_at <= ? order by seq limit ?)
      returning *`
    const rows = this.#db.prepare(sql).all(queueId, now, limit)
    return rows.toSorted((a, b) => integer(a, 'seq') - integer(b, 'seq')).map(toMessage)
  }

  /** Makes the oldest messages invisible until `until`, counts the attempt, and gives each a new lease. */
  lease(
    queueId: string,
    { limit, now, until }: { limit: number; now: number; until: number },
  ): LeasedMessage[] {
    const messages = this.claim(queueId, limit, now)
    const add = this.#db.prepare(`insert into queue_leases values (?, ?)
      on conflict (message_id) do update set lease_id = excluded.lease_id`)
    return messages.map((message) => {
      this.retry(message.id, until)
      const leaseId = newId()
      add.run(leaseId, message.id)
      return { ...message, leaseId }
    })
  }

  /** The message of a lease that has not ended; undefined if it has, or another client has pulled the message. */
  leased(queueId: string, leaseId: string, now: number): Message | undefined {
    const sql = `select m.* from queue_messages m join queue_leases l on l.message_id = m.id
      where l.lease_id = ? and m.queue_id = ? and m.visible_at > ?`
    const row = this.#db.prepare(sql).get(leaseId, queueId, now)
    return row === undefined ? undefined : toMessage(row)
  }

  endLease(leaseId: string): void {
    this.#db.prepare('delete from queue_leases where lease_id = ?').run(leaseId)
  }

  /** The oldest messages, whether they can be delivered now or not. */
  peek(queueId: string, limit: number): Message[] {
    const sql = 'select * from queue_messages where queue_id = ? order by seq limit ?'
    return this.#db.prepare(sql).all(queueId, limit).map(toMessage)
  }

  /** Deletes a message that no Worker handles. @returns false if there is none */
  remove(queueId: string, id: string): boolean {
    const sql = 'delete from queue_messages where queue_id = ? and id = ? and claimed = 0'
    return this.#db.prepare(sql).run(queueId, id).changes === 1
  }

  acknowledge(ids: string[]): void {
    const remove = this.#db.prepare('delete from queue_messages where id = ?')
    for (const id of ids) remove.run(id)
  }

  retry(id: string, visibleAt: number): void {
    this.#db.prepare('update queue_messages set claimed = 0, visible_at = ? where id = ?').run(visibleAt, id)
  }

  /** Moves a message to another queue, where its attempts begin again. */
  move(id: string, queueId: string, now: number): void {
    const sql = `update queue_messages set queue_id = ?, claimed = 0, attempts = 0, visible_at = ?, sent_at = ?
      where id = ?`
    this.#db.prepare(sql).run(queueId, now, now, id)
  }

  backlog(queueId: string): { count: number; bytes: number; oldestAt: number } {
    const sql = `select count(*) as count, coalesce(sum(length(body)), 0) as bytes, coalesce(min(sent_at), 0) as oldest
      from queue_messages where queue_id = ?`
    const row = this.#db.prepare(sql).get(queueId) ?? {}
    return { count: integer(row, 'count'), bytes: integer(row, 'bytes'), oldestAt: integer(row, 'oldest') }
  }

  purge(queueId: string, now: string): void {
    this.#db.prepare('delete from queue_messages where queue_id = ?').run(queueId)
    this.#db.prepare('update queues set purged_at = ? where id = ?').run(now, queueId)
  }

  /** Deletes messages that were sent before a time. */
  expire(queueId: string, before: number): void {
    this.#db
      .prepare('delete from queue_messages where queue_id = ? and sent_at < ? and claimed = 0')
      .run(queueId, before)
  }
}
