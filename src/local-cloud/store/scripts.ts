import { randomBytes, randomUUID } from 'node:crypto'
import type { DatabaseSync } from 'node:sqlite'
import type { ScriptSettings } from '../scripts/metadata.ts'
import type { ObjectClass } from '../scripts/migrations.ts'
import { integer, type Row, stored, text, textOrNull } from './rows.ts'

export interface Script {
  id: number
  name: string
  /** A unique id of 32 hex digits. A later script of the same name has another tag. */
  tag: string
  createdOn: string
  modifiedOn: string
  migrationTag: string | null
  subdomainEnabled: boolean
  previewsEnabled: boolean
  settings: ScriptSettings
}

/** A Durable Object class of a script. Its id identifies the data; its class name may change. */
export interface Namespace extends ObjectClass {
  namespaceId: string
}

export interface OwnedNamespace extends Namespace {
  scriptName: string
}

function toScript(row: Row): Script {
  return {
    id: integer(row, 'id'),
    name: text(row, 'name'),
    tag: text(row, 'tag'),
    createdOn: text(row, 'created_on'),
    modifiedOn: text(row, 'modified_on'),
    migrationTag: textOrNull(row, 'migration_tag'),
    subdomainEnabled: integer(row, 'subdomain_enabled') === 1,
    previewsEnabled: integer(row, 'previews_enabled') === 1,
    settings: stored(row, 'settings'),
  }
}

function toNamespace(row: Row): Namespace {
  return {
    namespaceId: text(row, 'id'),
    className: text(row, 'class_name'),
    useSqlite: integer(row, 'use_sqlite') === 1,
  }
}

/** The SQL of the account, its scripts and their namespaces, without business rules. */
export class ScriptStore {
  readonly #db: DatabaseSync

  constructor(db: DatabaseSync) {
    this.#db = db
  }

  seedAccount(accountId: string, subdomain: string): void {
    const sql = 'insert into account (id, subdomain, created_on) values (?, ?, ?) on conflict do nothing'
    this.#db.prepare(sql).run(accountId, subdomain, new Date().toISOString())
  }

  account(accountId: string): { createdOn: string; subdomain: string | null } {
    const row = this.#db.prepare('select * from account where id = ?').get(accountId)
    if (row === undefined) throw new Error('the account was never seeded')
    return { createdOn: text(row, 'created_on'), subdomain: textOrNull(row, 'subdomain') }
  }

  setSubdomain(accountId: string, subdomain: string): void {
    this.#db.prepare('update account set subdomain = ? where id = ?').run(subdomain, accountId)
  }

  find(name: string): Script | undefined {
    const row = this.#db.prepare('select * from scripts where name = ?').get(name)
    return row === undefined ? undefined : toScript(row)
  }

  byId(id: number): Script | undefined {
    const row = this.#db.prepare('select * from scripts where id = ?').get(id)
    return row === undefined ? undefined : toScript(row)
  }

  list(): Script[] {
    return this.#db.prepare('select * from scripts order by name').all().map(toScript)
  }

  create(name: string, now: string): Script {
    const tag = randomUUID().replaceAll('-', '')
    const sql = 'insert into scripts (name, tag, created_on, modified_on) values (?, ?, ?, ?) returning *'
    const row = this.#db.prepare(sql).get(name, tag, now, now)
    if (row === undefined) throw new Error('the script was not inserted')
    return toScript(row)
  }

  /** Deletes the script with its versions, deployments and namespaces, but not the namespaces' data on disk. */
  delete(id: number): void {
    this.#db.prepare('delete from scripts where id = ?').run(id)
  }

  touch(id: number, now: string, migrationTag: string | null): void {
    const sql = 'update scripts set modified_on = ?, migration_tag = ? where id = ?'
    this.#db.prepare(sql).run(now, migrationTag, id)
  }

  setSettings(id: number, settings: ScriptSettings): void {
    this.#db.prepare('update scripts set settings = ? where id = ?').run(JSON.stringify(settings), id)
  }

  setPublished(id: number, enabled: boolean, previews: boolean): void {
    const sql = 'update scripts set subdomain_enabled = ?, previews_enabled = ? where id = ?'
    this.#db.prepare(sql).run(Number(enabled), Number(previews), id)
  }

  namespaces(scriptId: number): Namespace[] {
    const sql = 'select * from namespaces where script_id = ? order by class_name'
    return this.#db.prepare(sql).all(scriptId).map(toNamespace)
  }

  allNamespaces(): OwnedNamespace[] {
    const sql = `select n.*, s.name as script_name from namespaces n join scripts s on s.id = n.script_id
      order by s.name, n.class_name`
    const rows = this.#db.prepare(sql).all()
    return rows.map((row) => ({ ...toNamespace(row), scriptName: text(row, 'script_name') }))
  }

  /**
   * Replaces the namespaces of a script with those of a migration plan. New classes get an id, renamed ones keep
   * theirs.
   */
  replaceNamespaces(scriptId: number, classes: ObjectClass[]): void {
    this.#db.prepare('delete from namespaces where script_id = ?').run(scriptId)
    const sql = 'insert into namespaces (id, script_id, class_name, use_sqlite) values (?, ?, ?, ?)'
    const insert = this.#db.prepare(sql)
    for (const entry of classes) {
      const id = entry.namespaceId ?? randomBytes(16).toString('hex')
      insert.run(id, scriptId, entry.className, Number(entry.useSqlite))
    }
  }
}
