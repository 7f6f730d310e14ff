import { createHash, randomBytes } from 'node:crypto'
import type { DatabaseSync } from 'node:sqlite'
import { integer, type Row, text, textOrNull } from './rows.ts'

/** Deleting a script also deletes its domains, their DNS records and its routes. */
export const zoneSchema = `
create table if not exists zones (
  id text primary key, name text not null unique, created_on text not null
) strict;
create table if not exists domains (
  id text primary key, zone_id text not null references zones (id), hostname text not null unique,
  script_id integer not null references scripts (id) on delete cascade, cert_id text not null
) strict;
create table if not exists dns_records (
  id text primary key, zone_id text not null references zones (id), type text not null, name text not null,
  content text not null, ttl integer not null, proxied integer not null, comment text, created_on text not null,
  modified_on text not null, domain_id text references domains (id) on delete cascade
) strict;
create index if not exists dns_records_by_name on dns_records (zone_id, name);
create table if not exists worker_routes (
  id text primary key, zone_id text not null references zones (id), pattern text not null,
  script_id integer references scripts (id) on delete cascade, unique (zone_id, pattern)
) strict;
`

export interface Zone {
  id: string
  name: string
  createdOn: string
}

export interface Domain {
  id: string
  certId: string
  hostname: string
  zone: Zone
  scriptName: string
}

export interface DnsRecord {
  id: string
  zoneId: string
  type: string
  name: string
  content: string
  ttl: number
  proxied: boolean
  comment: string | null
  createdOn: string
  modifiedOn: string
  /** The custom domain that created the record and deletes it; null for other records. */
  domainId: string | null
}

export interface WorkerRoute {
  id: string
  pattern: string
  scriptName: string | null
}

export const newId = () => randomBytes(16).toString('hex')

const toZone = (row: Row): Zone => ({
  id: text(row, 'id'),
  name: text(row, 'name'),
  createdOn: text(row, 'created_on'),
})

const toRecord = (row: Row): DnsRecord => ({
  id: text(row, 'id'),
  zoneId: text(row, 'zone_id'),
  type: text(row, 'type'),
  name: text(row, 'name'),
  content: text(row, 'content'),
  ttl: integer(row, 'ttl'),
  proxied: integer(row, 'proxied') === 1,
  comment: textOrNull(row, 'comment'),
  createdOn: text(row, 'created_on'),
  modifiedOn: text(row, 'modified_on'),
  domainId: textOrNull(row, 'domain_id'),
})

const toRoute = (row: Row): WorkerRoute => ({
  id: text(row, 'id'),
  pattern: text(row, 'pattern'),
  scriptName: textOrNull(row, 'script_name'),
})

const toDomain = (row: Row): Domain => ({
  id: text(row, 'id'),
  certId: text(row, 'cert_id'),
  hostname: text(row, 'hostname'),
  zone: { id: text(row, 'zone_id'), name: text(row, 'zone_name'), createdOn: text(row, 'created_on') },
  scriptName: text(row, 'script_name'),
})

const domainColumns = `select d.id, d.cert_id, d.hostname, d.zone_id, z.name as zone_name, z.created_on, s.name as script_name
  from domains d join zones z on z.id = d.zone_id join scripts s on s.id = d.script_id`
const routeColumns = `select r.id, r.pattern, s.name as script_name
  from worker_routes r left join scripts s on s.id = r.script_id`

/** The SQL of zones, domains, DNS records and Worker routes, without business rules. */
export class ZoneStore {
  readonly #db: DatabaseSync

  constructor(db: DatabaseSync) {
    this.#db = db
  }

  /** Adds the configured zones. A zone that is no longer configured is kept with its contents. */
  seed(accountId: string, names: readonly string[]): void {
    const insert = this.#db.prepare('insert into zones values (?, ?, ?) on conflict do nothing')
    for (const name of names) {
      const id = createHash('sha256').update(`zone:${accountId}:${name}`).digest('hex').slice(0, 32)
      insert.run(id, name, new Date().toISOString())
    }
  }

  list = (): Zone[] => this.#db.prepare('select * from zones order by name').all().map(toZone)

  domains = (): Domain[] => this.#db.prepare(`${domainColumns} order by d.hostname`).all().map(toDomain)

  putDomain(domain: { hostname: string; zoneId: string; scriptId: number }): void {
    this.#db
      .prepare('insert into domains (id, zone_id, hostname, script_id, cert_id) values (?, ?, ?, ?, ?)')
      .run(newId(), domain.zoneId, domain.hostname, domain.scriptId, newId())
  }

  deleteDomain(id: string): void {
    this.#db.prepare('delete from domains where id = ?').run(id)
  }

  records(zoneId: string): DnsRecord[] {
    return this.#db
      .prepare('select * from dns_records where zone_id = ? order by name, type')
      .all(zoneId)
      .map(toRecord)
  }

  putRecord(record: DnsRecord): void {
    this.#db
      .prepare('insert or replace into dns_records values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)')
      .run(
        record.id,
        record.zoneId,
        record.type,
        record.name,
        record.content,
        record.ttl,
        Number(record.proxied),
        record.comment,
        record.createdOn,
        record.modifiedOn,
        record.domainId,
      )
  }

  deleteRecord(id: string): void {
    this.#db.prepare('delete from dns_records where id = ?').run(id)
  }

  routes(zoneId: string): WorkerRoute[] {
    return this.#db.prepare(`${routeColumns} where r.zone_id = ? order by r.pattern`).all(zoneId).map(toRoute)
  }

  putRoute(route: { id: string; zoneId: string; pattern: string; scriptId: number | null }): void {
    this.#db
      .prepare('insert or replace into worker_routes values (?, ?, ?, ?)')
      .run(route.id, route.zoneId, route.pattern, route.scriptId)
  }

  deleteRoute(id: string): void {
    this.#db.prepare('delete from worker_routes where id = ?').run(id)
  }
}
