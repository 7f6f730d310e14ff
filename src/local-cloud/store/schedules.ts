import type { DatabaseSync } from 'node:sqlite'
import { integer, text } from './rows.ts'

/** `last_minute` is the minute of the last run, in milliseconds since the epoch: no minute runs twice. */
export const scheduleSchema = `
create table if not exists schedules (
  script_id integer not null references scripts (id) on delete cascade, cron text not null,
  created_on text not null, modified_on text not null, last_minute integer not null default 0,
  primary key (script_id, cron)
) strict, without rowid;
`

export interface Schedule {
  scriptId: number
  cron: string
  createdOn: string
  modifiedOn: string
}

/** The SQL of cron triggers, without business rules. */
export class ScheduleStore {
  readonly #db: DatabaseSync

  constructor(db: DatabaseSync) {
    this.#db = db
  }

  of(scriptId: number): Schedule[] {
    return this.all().filter((schedule) => schedule.scriptId === scriptId)
  }

  all(): Schedule[] {
    const rows = this.#db.prepare('select * from schedules order by script_id, created_on, cron').all()
    return rows.map((row) => ({
      scriptId: integer(row, 'script_id'),
      cron: text(row, 'cron'),
      createdOn: text(row, 'created_on'),
      modifiedOn: text(row, 'modified_on'),
    }))
  }

  /** Replaces the schedules of a script; a schedule that stays keeps its dates. */
  replace(scriptId: number, crons: string[], now: string): void {
    const kept = new Set(crons)
    const remove = this.#db.prepare('delete from schedules where script_id = ? and cron = ?')
    for (const { cron } of this.of(scriptId)) if (!kept.has(cron)) remove.run(scriptId, cron)
    const add = this.#db.prepare(
      'insert into schedules (script_id, cron, created_on, modified_on) values (?, ?, ?, ?) on conflict do nothing',
    )
    for (const cron of kept) add.run(scriptId, cron, now, now)
  }

  /** Records a run. @returns false if the schedule has already run in this minute or a later one, or is gone */
  claim({ scriptId, cron }: Schedule, minute: number): boolean {
    const sql = 'update schedules set last_minute = ? where script_id = ? and cron = ? and last_minute < ?'
    return this.#db.prepare(sql).run(minute, scriptId, cron, minute).changes === 1
  }
}
