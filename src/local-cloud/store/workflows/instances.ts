import type { DatabaseSync } from 'node:sqlite'
import { integer, type Row, text, textOrNull } from '../rows.ts'

export type InstanceSource = 'api' | 'binding' | 'cron'

export interface Instance {
  workflowId: string
  id: string
  versionId: string
  status: string
  source: InstanceSource
  /** The parameters as JSON. */
  params: string
  createdOn: string
  modifiedOn: string
  startedOn: string | null
  endedOn: string | null
}

/** An instance without its parameters, which may be large. */
export type ListedInstance = Omit<Instance, 'params'>

export type NewInstance = Pick<
  Instance,
  'workflowId' | 'id' | 'versionId' | 'source' | 'params' | 'createdOn'
>

/** The statuses in which an instance does not run any more. */
export const finalStatuses: ReadonlySet<string> = new Set(['complete', 'errored', 'terminated'])

const toListed = (row: Row): ListedInstance => ({
  workflowId: text(row, 'workflow_id'),
  id: text(row, 'id'),
  versionId: text(row, 'version_id'),
  status: text(row, 'status'),
  source: text(row, 'source') as InstanceSource,
  createdOn: text(row, 'created_on'),
  modifiedOn: text(row, 'modified_on'),
  startedOn: textOrNull(row, 'started_on'),
  endedOn: textOrNull(row, 'ended_on'),
})
const listed = 'workflow_id, id, version_id, status, source, created_on, modified_on, started_on, ended_on'

/**
 * The SQL of the list of instances. Their steps and results are in the files of the runtime, which reports each change of
 * a status.
 */
export class InstanceStore {
  readonly #db: DatabaseSync

  constructor(db: DatabaseSync) {
    this.#db = db
  }

  /** @returns false if the workflow has an instance of the id */
  add({ workflowId, id, versionId, source, params, createdOn }: NewInstance): boolean {
    const sql = `insert into workflow_instances
      (workflow_id, id, version_id, status, source, params, created_on, modified_on)
      values (?, ?, ?, 'queued', ?, ?, ?, ?) on conflict do nothing`
    const added = this.#db.prepare(sql).run(workflowId, id, versionId, source, params, createdOn, createdOn)
    if (added.changes === 0) return false
    this.#db.prepare('update workflows set triggered_on = ? where id = ?').run(createdOn, workflowId)
    return true
  }

  find(workflowId: string, id: string): Instance | undefined {
    const sql = 'select * from workflow_instances where workflow_id = ? and id = ?'
    const row = this.#db.prepare(sql).get(workflowId, id)
    return row === undefined ? undefined : { ...toListed(row), params: text(row, 'params') }
  }

  /** The instances of a workflow, oldest first. */
  list(workflowId: string): ListedInstance[] {
    const sql = `select ${listed} from workflow_instances where workflow_id = ? order by seq`
    return this.#db.prepare(sql).all(workflowId).map(toListed)
  }

  /** The number of instances of a workflow in each status. */
  counts(workflowId: string): Record<string, number> {
    const sql = `select status, count(*) as instances from workflow_instances where workflow_id = ?
      group by status order by status`
    const rows = this.#db.prepare(sql).all(workflowId)
    return Object.fromEntries(rows.map((row) => [text(row, 'status'), integer(row, 'instances')]))
  }

  /** The instances that run, or would if their process ran. */
  active(workflowId: string): ListedInstance[] {
    return this.list(workflowId).filter(({ status }) => !finalStatuses.has(status) && status !== 'paused')
  }

  /** True if a workflow of the script has an active instance. */
  hasActive(scriptName: string): boolean {
    const sql = `select 1 from workflow_instances i join workflows w on w.id = i.workflow_id where w.script_name = ?
      and i.status not in ('complete', 'errored', 'terminated', 'paused') limit 1`
    return this.#db.prepare(sql).get(scriptName) !== undefined
  }

  setStatus(workflowId: string, id: string, status: string, now: string): void {
    const sql = `update workflow_instances set status = ?, modified_on = ?,
      started_on = case when ? = 'queued' then null else coalesce(started_on, ?) end, ended_on = ?
      where workflow_id = ? and id = ? and status <> ?`
    const ended = finalStatuses.has(status) ? now : null
    this.#db.prepare(sql).run(status, now, status, now, ended, workflowId, id, status)
  }

  delete(workflowId: string, id: string): void {
    this.#db.prepare('delete from workflow_instances where workflow_id = ? and id = ?').run(workflowId, id)
  }
}
