import { chmodSync, closeSync, mkdirSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { assetSchema } from './assets.ts'
import { containerSchema } from './containers.ts'
import { queueSchema } from './queues.ts'
import { recordingSchema } from './recorded/recordings.ts'
import { resourceSchema } from './resources.ts'
import { scheduleSchema } from './schedules.ts'
import { workflowSchema } from './workflows/definitions.ts'
import { zoneSchema } from './zones.ts'

const schema = `
create table if not exists account (
  id text primary key, subdomain text, created_on text not null
) strict;
create table if not exists scripts (
  id integer primary key autoincrement, name text not null unique, tag text not null,
  created_on text not null, modified_on text not null, migration_tag text,
  subdomain_enabled integer not null default 0, previews_enabled integer not null default 0,
  settings text not null default '{}'
) strict;
create table if not exists namespaces (
  id text primary key, script_id integer not null references scripts (id) on delete cascade,
  class_name text not null, use_sqlite integer not null, unique (script_id, class_name)
) strict;
create table if not exists versions (
  id text primary key, script_id integer not null references scripts (id) on delete cascade,
  number integer not null, created_on text not null, source text not null, annotations text not null,
  migration_tag text, bindings text not null, code text not null, unique (script_id, number)
) strict;
create table if not exists modules (hash text primary key, content blob not null) strict;
create table if not exists version_modules (
  version_id text not null references versions (id) on delete cascade, position integer not null,
  name text not null, type text not null, hash text not null references modules (hash),
  primary key (version_id, position)
) strict;
create index if not exists version_modules_by_hash on version_modules (hash);
create table if not exists deployments (
  seq integer primary key autoincrement, id text not null unique,
  script_id integer not null references scripts (id) on delete cascade,
  created_on text not null, source text not null, annotations text not null, versions text not null
) strict;
create index if not exists deployments_by_script on deployments (script_id, seq);
`

/** Compiles each statement once: compiling takes longer than most of the reads of a request. */
class PreparingDatabase extends DatabaseSync {
  readonly #statements = new Map<string, StatementSync>()

  override prepare(sql: string): StatementSync {
    const statement = this.#statements.get(sql) ?? super.prepare(sql)
    this.#statements.set(sql, statement)
    return statement
  }
}

/**
 * Opens the database of a cloud. synchronous=FULL: an acknowledged upload survives a power cut, and writes are rare.
 * The exclusive lock prevents a second process from using the directory; the kernel releases it when the process ends.
 * @throws Error with a message for users if another process uses the directory
 */
export function openDatabase(dataDir: string): DatabaseSync {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  chmodSync(dataDir, 0o700)
  const file = join(dataDir, 'state.sqlite')
  // SQLite creates its -wal file with the mode of the database, so the mode is set before the first write.
  closeSync(openSync(file, 'a', 0o600))
  chmodSync(file, 0o600)
  const db = new PreparingDatabase(file)
  try {
    db.exec('pragma locking_mode = exclusive; pragma journal_mode = wal; pragma synchronous = full')
    db.exec('pragma foreign_keys = on; begin immediate')
    db.exec(
      `${schema} ${zoneSchema} ${containerSchema} ${assetSchema} ${scheduleSchema} ${queueSchema} ${resourceSchema}
      ${workflowSchema} ${recordingSchema} commit`,
    )
  } catch (error) {
    db.close()
    if (error instanceof Error && /locked/.test(error.message)) {
      throw new Error(`local cloud: ${dataDir} is in use by another process`)
    }
    throw error
  }
  return db
}

/** Runs `work` in one transaction, within the present one if there is one. `work` must not await. */
export function inTransaction<T>(db: DatabaseSync, work: () => T): T {
  if (db.isTransaction) return work()
  db.exec('begin immediate')
  try {
    const result = work()
    db.exec('commit')
    return result
  } catch (error) {
    db.exec('rollback')
    throw error
  }
}
