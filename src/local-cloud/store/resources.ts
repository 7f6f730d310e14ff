import { randomBytes, randomUUID } from 'node:crypto'
import type { DatabaseSync } from 'node:sqlite'
import { type Row, text, textOrNull } from './rows.ts'

export const resourceSchema = `
create table if not exists kv_namespaces (
  id text primary key, title text not null unique, created_on text not null
) strict;
create table if not exists r2_buckets (
  name text primary key, created_on text not null, location text, storage_class text not null, jurisdiction text not null
) strict;
create table if not exists d1_databases (
  id text primary key, name text not null unique, created_on text not null, jurisdiction text
) strict;
create table if not exists d1_bookmarks (
  database_id text not null references d1_databases (id) on delete cascade,
  seq integer primary key autoincrement, bookmark text not null unique, created_on text not null
) strict;
`

export interface KvNamespace {
  id: string
  title: string
  createdOn: string
}

export interface Bucket {
  name: string
  createdOn: string
  location: string | null
  storageClass: string
  jurisdiction: string
}

export interface Database {
  id: string
  name: string
  createdOn: string
  jurisdiction: string | null
}

/** A copy of a database. */
export interface Bookmark {
  bookmark: string
  createdOn: string
}

const toNamespace = (row: Row): KvNamespace => ({
  id: text(row, 'id'),
  title: text(row, 'title'),
  createdOn: text(row, 'created_on'),
})

const toBucket = (row: Row): Bucket => ({
  name: text(row, 'name'),
  createdOn: text(row, 'created_on'),
  location: textOrNull(row, 'location'),
  storageClass: text(row, 'storage_class'),
  jurisdiction: text(row, 'jurisdiction'),
})

const toDatabase = (row: Row): Database => ({
  id: text(row, 'id'),
  name: text(row, 'name'),
  createdOn: text(row, 'created_on'),
  jurisdiction: textOrNull(row, 'jurisdiction'),
})

const toBookmark = (row: Row): Bookmark => ({
  bookmark: text(row, 'bookmark'),
  createdOn: text(row, 'created_on'),
})

/** The SQL of KV namespaces, R2 buckets and D1 databases. Their contents are in the files of the Workers' runtime. */
export class ResourceStore {
  readonly #db: DatabaseSync

  constructor(db: DatabaseSync) {
    this.#db = db
  }

  namespace(id: string): KvNamespace | undefined {
    const row = this.#db.prepare('select * from kv_namespaces where id = ?').get(id)
    return row === undefined ? undefined : toNamespace(row)
  }

  namespaces(): KvNamespace[] {
    return this.#db.prepare('select * from kv_namespaces order by rowid').all().map(toNamespace)
  }

  createNamespace(title: string, now: string): KvNamespace {
    const id = randomBytes(16).toString('hex')
    this.#db.prepare('insert into kv_namespaces values (?, ?, ?)').run(id, title, now)
    return { id, title, createdOn: now }
  }

  renameNamespace(id: string, title: string): void {
    this.#db.prepare('update kv_namespaces set title = ? where id = ?').run(title, id)
  }

  deleteNamespace(id: string): void {
    this.#db.prepare('delete from kv_namespaces where id = ?').run(id)
  }

  bucket(name: string): Bucket | undefined {
    const row = this.#db.prepare('select * from r2_buckets where name = ?').get(name)
    return row === undefined ? undefined : toBucket(row)
  }

  buckets(): Bucket[] {
    return this.#db.prepare('select * from r2_buckets order by name').all().map(toBucket)
  }

  createBucket({ name, createdOn, location, storageClass, jurisdiction }: Bucket): void {
    const sql = 'insert into r2_buckets values (?, ?, ?, ?, ?)'
    this.#db.prepare(sql).run(name, createdOn, location, storageClass, jurisdiction)
  }

  setStorageClass(name: string, storageClass: string): void {
    this.#db.prepare('update r2_buckets set storage_class = ? where name = ?').run(storageClass, name)
  }

  deleteBucket(name: string): void {
    this.#db.prepare('delete from r2_buckets where name = ?').run(name)
  }

  database(idOrName: string): Database | undefined {
    const sql = 'select * from d1_databases where id = ? or name = ? order by id = ? desc limit 1'
    const row = this.#db.prepare(sql).get(idOrName, idOrName, idOrName)
    return row === undefined ? undefined : toDatabase(row)
  }

  databases(): Database[] {
    return this.#db.prepare('select * from d1_databases order by rowid').all().map(toDatabase)
  }

  createDatabase(name: string, jurisdiction: string | null, now: string): Database {
    const id = randomUUID()
    this.#db.prepare('insert into d1_databases values (?, ?, ?, ?)').run(id, name, now, jurisdiction)
    return { id, name, createdOn: now, jurisdiction }
  }

  /** Deletes a database and its bookmarks, but not the files. */
  deleteDatabase(id: string): void {
    this.#db.prepare('delete from d1_databases where id = ?').run(id)
  }

  /** The bookmarks of a database, newest first. */
  bookmarks(databaseId: string): Bookmark[] {
    const sql = 'select * from d1_bookmarks where database_id = ? order by seq desc'
    return this.#db.prepare(sql).all(databaseId).map(toBookmark)
  }

  addBookmark(databaseId: string, { bookmark, createdOn }: Bookmark): void {
    const sql = 'insert into d1_bookmarks (database_id, bookmark, created_on) values (?, ?, ?)'
    this.#db.prepare(sql).run(databaseId, bookmark, createdOn)
  }

  deleteBookmark(bookmark: string): void {
    this.#db.prepare('delete from d1_bookmarks where bookmark = ?').run(bookmark)
  }
}
