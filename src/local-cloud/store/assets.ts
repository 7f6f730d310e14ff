import { createHash, randomBytes } from 'node:crypto'
import type { DatabaseSync } from 'node:sqlite'
import { integer, text, textOrNull } from './rows.ts'

/**
 * A manifest lists the files of one upload session; versions with equal files share it. A file is stored once for each
 * hash, which the client chooses; its content is in the directory of `AssetFiles`.
 */
export const assetSchema = `
create table if not exists asset_manifests (id text primary key, created_at integer not null) strict;
create table if not exists asset_manifest_files (
  manifest_id text not null references asset_manifests (id) on delete cascade, path text not null, hash text not null,
  size integer not null, primary key (manifest_id, path)
) strict, without rowid;
create index if not exists asset_manifest_files_by_hash on asset_manifest_files (hash);
create table if not exists asset_files (
  hash text primary key, size integer not null, content_type text, stored_at integer not null
) strict;
create table if not exists version_assets (
  version_id text primary key references versions (id) on delete cascade,
  manifest_id text not null references asset_manifests (id)
) strict;
create index if not exists version_assets_by_manifest on version_assets (manifest_id);
create table if not exists asset_token_key (id integer primary key check (id = 1), key blob not null) strict;
`

export interface ManifestFile {
  path: string
  hash: string
  /** The size in bytes. */
  size: number
}

export interface ServedFile {
  path: string
  hash: string
  /** The Content-Type with which the file was uploaded; null for none. */
  contentType: string | null
}

/** The SQL of manifests, files and the assets of versions, without business rules. */
export class AssetStore {
  readonly #db: DatabaseSync

  constructor(db: DatabaseSync) {
    this.#db = db
  }

  /** The key that signs upload tokens; created by the first call. */
  tokenKey(): Uint8Array {
    const insert = 'insert into asset_token_key (id, key) values (1, ?) on conflict do nothing'
    this.#db.prepare(insert).run(randomBytes(32))
    const row = this.#db.prepare('select key from asset_token_key').get()
    if (!(row?.key instanceof Uint8Array)) throw new TypeError('column key is not a blob')
    return row.key
  }

  /** Stores a manifest. A manifest with equal files keeps its id, and its age begins again. */
  addManifest(files: ManifestFile[], now: number): string {
    const sorted = files.toSorted((a, b) => (a.path < b.path ? -1 : 1))
    const hash = createHash('sha256')
    for (const { path, hash: content, size } of sorted) hash.update(JSON.stringify([path, content, size]))
    const id = hash.digest('hex').slice(0, 32)
    const known = this.#db.prepare('select 1 from asset_manifests where id = ?').get(id) !== undefined
    this.#db
      .prepare(
        'insert into asset_manifests values (?, ?) on conflict do update set created_at = excluded.created_at',
      )
      .run(id, now)
    if (known) return id
    const insert = this.#db.prepare('insert into asset_manifest_files values (?, ?, ?, ?)')
    for (const file of sorted) insert.run(id, file.path, file.hash, file.size)
    return id
  }

  /** The files of a manifest that are not stored, each hash once. */
  missingFiles(manifestId: string): Omit<ManifestFile, 'path'>[] {
    const sql = `select m.hash, min(m.size) as size from asset_manifest_files m
      left join asset_files f on f.hash = m.hash
      where m.manifest_id = ? and f.hash is null group by m.hash order by m.hash`
    const rows = this.#db.prepare(sql).all(manifestId)
    return rows.map((row) => ({ hash: text(row, 'hash'), size: integer(row, 'size') }))
  }

  /** The size of a file according to a manifest; undefined if it does not list the hash. */
  sizeInManifest(manifestId: string, hash: string): number | undefined {
    const sql = 'select size from asset_manifest_files where manifest_id = ? and hash = ? limit 1'
    const row = this.#db.prepare(sql).get(manifestId, hash)
    return row === undefined ? undefined : integer(row, 'size')
  }

  hasManifest(manifestId: string): boolean {
    return this.#db.prepare('select 1 from asset_manifests where id = ?').get(manifestId) !== undefined
  }

  /** Records that the content of a file is on disk. The first content type of a hash is kept. */
  addFile(file: { hash: string; size: number; contentType: string | null; now: number }): void {
    this.#db
      .prepare('insert into asset_files values (?, ?, ?, ?) on conflict do nothing')
      .run(file.hash, file.size, file.contentType, file.now)
  }

  servedFiles(manifestId: string): ServedFile[] {
    const sql = `select m.path, m.hash, f.content_type from asset_manifest_files m
      join asset_files f on f.hash = m.hash where m.manifest_id = ?`
    const rows = this.#db.prepare(sql).all(manifestId)
    return rows.map((row) => ({
      path: text(row, 'path'),
      hash: text(row, 'hash'),
      contentType: textOrNull(row, 'content_type'),
    }))
  }

  /**
   * Deletes manifests that no version uses and files that no manifest lists, unless they are newer than `before`
   * (milliseconds since the epoch). @returns the hashes of the deleted files
   */
  prune(before: number): string[] {
    const unused = 'id not in (select manifest_id from version_assets)'
    this.#db.prepare(`delete from asset_manifests where created_at < ? and ${unused}`).run(before)
    const sql = `delete from asset_files where stored_at < ?
      and hash not in (select hash from asset_manifest_files) returning hash`
    return this.#db
      .prepare(sql)
      .all(before)
      .map((row) => text(row, 'hash'))
  }

  /** The hashes of all stored files. */
  hashes(): Set<string> {
    return new Set(
      this.#db
        .prepare('select hash from asset_files')
        .all()
        .map((row) => text(row, 'hash')),
    )
  }
}
