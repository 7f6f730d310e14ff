import { createHash, randomUUID } from 'node:crypto'
import type { DatabaseSync } from 'node:sqlite'
import type { AssetConfig } from '../assets/schema.ts'
import type { Binding } from './bindings.ts'
import { integer, type Row, stored, text, textOrNull } from './rows.ts'

export interface NamedHandlers {
  name: string
  handlers: string[]
}

/** The static assets of a version. */
export interface VersionAssets {
  manifestId: string
  config: AssetConfig
}

/** The properties that the code of a version determines. */
interface VersionCode {
  /** Empty for a Worker that has only assets. */
  mainModule: string
  assets?: VersionAssets | undefined
  compatibilityDate: string
  compatibilityFlags: string[]
  handlers: string[]
  namedHandlers: NamedHandlers[]
  /** Exported classes that can be Durable Objects. */
  classes: string[]
  etag: string
  startupTimeMs: number
  usageModel: 'standard' | 'bundled' | 'unbound'
  /** The CPU time limit of a request; undefined if the upload sets none. */
  cpuMs?: number | undefined
  /** Settings that are shown only. Absent in versions of older versions of Capstan. */
  settings?: object | undefined
  /** Recorded only: the local cloud runs no containers. */
  containers: { class_name?: string | undefined }[]
}

export type ModuleType = 'ESModule' | 'CommonJS' | 'CompiledWasm' | 'Text' | 'Data'

export interface WorkerModule {
  name: string
  type: ModuleType
  content: Buffer
}

export interface VersionDraft {
  createdOn: string
  source: string
  annotations: Record<string, string>
  migrationTag: string | null
  bindings: Binding[]
  code: VersionCode
}

export interface Version extends VersionDraft {
  id: string
  scriptId: number
  /** The number of the version within its script, from 1. */
  number: number
}

export interface Share {
  version_id: string
  percentage: number
}

export interface Deployment {
  id: string
  createdOn: string
  source: string
  annotations: Record<string, string>
  versions: Share[]
}

const moduleHash = (content: Buffer): string => createHash('sha256').update(content).digest('hex')

function toVersion(row: Row): Version {
  return {
    id: text(row, 'id'),
    scriptId: integer(row, 'script_id'),
    number: integer(row, 'number'),
    createdOn: text(row, 'created_on'),
    source: text(row, 'source'),
    annotations: stored(row, 'annotations'),
    migrationTag: textOrNull(row, 'migration_tag'),
    bindings: stored(row, 'bindings'),
    code: stored(row, 'code'),
  }
}

function toDeployment(row: Row): Deployment {
  return {
    id: text(row, 'id'),
    createdOn: text(row, 'created_on'),
    source: text(row, 'source'),
    annotations: stored(row, 'annotations'),
    versions: stored(row, 'versions'),
  }
}

/** The SQL of versions, their modules and deployments. Versions and deployments are never changed. */
export class VersionStore {
  readonly #db: DatabaseSync

  constructor(db: DatabaseSync) {
    this.#db = db
  }

  add(scriptId: number, draft: VersionDraft, modules: WorkerModule[]): Version {
    const sql = `insert into versions
      (id, script_id, number, created_on, source, annotations, migration_tag, bindings, code)
      values (?, ?, (select coalesce(max(number), 0) + 1 from versions where script_id = ?), ?, ?, ?, ?, ?, ?)
      returning *`
    const { createdOn, source, annotations, migrationTag, bindings, code } = draft
    const json = [annotations, bindings, code].map((value) => JSON.stringify(value))
    const [annotationsJson = '', bindingsJson = '', codeJson = ''] = json
    const values = [createdOn, source, annotationsJson, migrationTag, bindingsJson, codeJson]
    const row = this.#db.prepare(sql).get(randomUUID(), scriptId, scriptId, ...values)
    if (row === undefined) throw new Error('the version was not inserted')
    const version = toVersion(row)
    this.#addModules(version.id, modules)
    if (code.assets !== undefined) {
      const link = this.#db.prepare('insert into version_assets values (?, ?)')
      link.run(version.id, code.assets.manifestId)
    }
    return version
  }

  #addModules(versionId: string, modules: WorkerModule[]): void {
    const keep = this.#db.prepare('insert into modules (hash, content) values (?, ?) on conflict do nothing')
    const link = this.#db.prepare('insert into version_modules values (?, ?, ?, ?, ?)')
    for (const [position, { name, type, content }] of modules.entries()) {
      const hash = moduleHash(content)
      keep.run(hash, content)
      link.run(versionId, position, name, type, hash)
    }
  }

  modules(versionId: string): WorkerModule[] {
    const sql = `select v.name, v.type, m.content from version_modules v join modules m on m.hash = v.hash
      where v.version_id = ? order by v.position`
    const rows = this.#db.prepare(sql).all(versionId)
    return rows.map((row) => ({
      name: text(row, 'name'),
      type: text(row, 'type') as ModuleType,
      content: Buffer.from(row.content instanceof Uint8Array ? row.content : []),
    }))
  }

  /** Deletes module contents that no version references. */
  dropUnusedModules(): void {
    this.#db.exec('delete from modules where hash not in (select hash from version_modules)')
  }

  find(scriptId: number, versionId: string): Version | undefined {
    const sql = 'select * from versions where script_id = ? and id = ?'
    const row = this.#db.prepare(sql).get(scriptId, versionId)
    return row === undefined ? undefined : toVersion(row)
  }

  /** The versions of a script, newest first. */
  list(scriptId: number): Version[] {
    const sql = 'select * from versions where script_id = ? order by number desc'
    return this.#db.prepare(sql).all(scriptId).map(toVersion)
  }

  latest(scriptId: number): Version | undefined {
    const sql = 'select * from versions where script_id = ? order by number desc limit 1'
    const row = this.#db.prepare(sql).get(scriptId)
    return row === undefined ? undefined : toVersion(row)
  }

  deploy(scriptId: number, deployment: Omit<Deployment, 'id'>): Deployment {
    const sql = `insert into deployments (id, script_id, created_on, source, annotations, versions)
      values (?, ?, ?, ?, ?, ?) returning *`
    const { createdOn, source, annotations, versions } = deployment
    const json = [JSON.stringify(annotations), JSON.stringify(versions)]
    const row = this.#db.prepare(sql).get(randomUUID(), scriptId, createdOn, source, ...json)
    if (row === undefined) throw new Error('the deployment was not inserted')
    return toDeployment(row)
  }

  /** The deployments of a script, newest first. The first one is active. */
  deployments(scriptId: number): Deployment[] {
    const sql = 'select * from deployments where script_id = ? order by seq desc'
    return this.#db.prepare(sql).all(scriptId).map(toDeployment)
  }

  serving(scriptId: number): Deployment | undefined {
    const sql = 'select * from deployments where script_id = ? order by seq desc limit 1'
    const row = this.#db.prepare(sql).get(scriptId)
    return row === undefined ? undefined : toDeployment(row)
  }
}
