import { randomUUID } from 'node:crypto'
import type { DatabaseSync } from 'node:sqlite'
import { type Row, stored, text, textOrNull } from '../rows.ts'

/**
 * A workflow names its script: it outlives the script, and a later script of the name runs it. `params` are the
 * parameters of an instance as JSON.
 */
export const workflowSchema = `
create table if not exists workflows (
  id text primary key, name text not null unique, script_name text not null, class_name text not null,
  settings text not null, version_id text not null, created_on text not null, modified_on text not null,
  triggered_on text
) strict;
create table if not exists workflow_versions (
  id text primary key, seq integer not null, workflow_id text not null references workflows (id) on delete cascade,
  class_name text not null, settings text not null, created_on text not null, unique (workflow_id, seq)
) strict;
create table if not exists workflow_instances (
  seq integer primary key autoincrement, workflow_id text not null references workflows (id) on delete cascade,
  id text not null, version_id text not null, status text not null, source text not null, params text not null,
  created_on text not null, modified_on text not null, started_on text, ended_on text, unique (workflow_id, id)
) strict;
create index if not exists workflow_instances_by_status on workflow_instances (workflow_id, status);
create table if not exists workflow_schedules (
  workflow_id text not null references workflows (id) on delete cascade, cron text not null,
  last_minute integer not null, primary key (workflow_id, cron)
) strict, without rowid;
`

type Duration = string | number

/** What a definition has besides its class. */
export interface WorkflowSettings {
  limits?: { steps?: number | undefined } | undefined
  concurrency?: { limit?: number | undefined } | undefined
  default_retention?:
    | { success_retention?: Duration | undefined; error_retention?: Duration | undefined }
    | undefined
  schedules?: { cron: string }[] | undefined
  jurisdiction?: string | undefined
}

export interface Workflow {
  /** A UUID. Without its hyphens, it is the key under which the runtime keeps the instances. */
  id: string
  name: string
  scriptName: string
  className: string
  settings: WorkflowSettings
  versionId: string
  createdOn: string
  modifiedOn: string
  triggeredOn: string | null
}

export interface WorkflowVersion {
  id: string
  className: string
  settings: WorkflowSettings
  createdOn: string
}

export type WorkflowDraft = Pick<Workflow, 'name' | 'scriptName' | 'className' | 'settings'>

const toWorkflow = (row: Row): Workflow => ({
  id: text(row, 'id'),
  name: text(row, 'name'),
  scriptName: text(row, 'script_name'),
  className: text(row, 'class_name'),
  settings: stored(row, 'settings'),
  versionId: text(row, 'version_id'),
  createdOn: text(row, 'created_on'),
  modifiedOn: text(row, 'modified_on'),
  triggeredOn: textOrNull(row, 'triggered_on'),
})

const toVersion = (row: Row): WorkflowVersion => ({
  id: text(row, 'id'),
  className: text(row, 'class_name'),
  settings: stored(row, 'settings'),
  createdOn: text(row, 'created_on'),
})

/** The SQL of the definitions of workflows, without business rules. */
export class WorkflowStore {
  readonly #db: DatabaseSync

  constructor(db: DatabaseSync) {
    this.#db = db
  }

  list = (): Workflow[] =>
    this.#db.prepare('select * from workflows order by created_on, name').all().map(toWorkflow)

  find(id: string): Workflow | undefined {
    const row = this.#db.prepare('select * from workflows where id = ?').get(id)
    return row === undefined ? undefined : toWorkflow(row)
  }

  named(name: string): Workflow | undefined {
    const row = this.#db.prepare('select * from workflows where name = ?').get(name)
    return row === undefined ? undefined : toWorkflow(row)
  }

  /** Creates or replaces the definition of the name, as a new version of it. */
  put({ name, scriptName, className, settings }: WorkflowDraft, now: string): void {
    const id = this.named(name)?.id ?? randomUUID()
    const [version, json] = [randomUUID(), JSON.stringify(settings)]
    this.#db
      .prepare(`insert into workflows values (?, ?, ?, ?, ?, ?, ?, ?, null) on conflict (id) do update set
        script_name = excluded.script_name, class_name = excluded.class_name, settings = excluded.settings,
        version_id = excluded.version_id, modified_on = excluded.modified_on`)
      .run(id, name, scriptName, className, json, version, now, now)
    this.#db
      .prepare(`insert into workflow_versions values
        (?, (select coalesce(max(seq), 0) + 1 from workflow_versions where workflow_id = ?), ?, ?, ?, ?)`)
      .run(version, id, id, className, json, now)
    this.#replaceSchedules(
      id,
      (settings.schedules ?? []).map(({ cron }) => cron),
      Date.parse(now),
    )
  }

  #replaceSchedules(id: string, crons: string[], now: number): void {
    const kept = new Set(crons)
    for (const { cron, workflowId } of this.schedules()) {
      if (workflowId === id && !kept.has(cron))
        this.#db.prepare('delete from workflow_schedules where workflow_id = ? and cron = ?').run(id, cron)
    }
    const add = this.#db.prepare('insert into workflow_schedules values (?, ?, ?) on conflict do nothing')
    for (const cron of kept) add.run(id, cron, Math.floor(now))
  }

  schedules(): { workflowId: string; cron: string }[] {
    const rows = this.#db.prepare('select * from workflow_schedules order by workflow_id, cron').all()
    return rows.map((row) => ({ workflowId: text(row, 'workflow_id'), cron: text(row, 'cron') }))
  }

  /** Records a scheduled run. @returns false if the schedule has already run in this minute, or is gone */
  claim({ workflowId, cron }: { workflowId: string; cron: string }, minute: number): boolean {
    const sql =
      'update workflow_schedules set last_minute = ? where workflow_id = ? and cron = ? and last_minute < ?'
    return this.#db.prepare(sql).run(minute, workflowId, cron, minute).changes === 1
  }

  delete(id: string): void {
    this.#db.prepare('delete from workflows where id = ?').run(id)
  }

  /** The versions of a workflow, newest first. */
  versions(workflowId: string): WorkflowVersion[] {
    const sql = 'select * from workflow_versions where workflow_id = ? order by seq desc'
    return this.#db.prepare(sql).all(workflowId).map(toVersion)
  }
}
