import type { DatabaseSync } from 'node:sqlite'
import type { Configuration, RolloutBody } from '../containers/schema.ts'
import { integer, type Row, stored, text, textOrNull } from './rows.ts'

/** Applications do not reference scripts: as at Cloudflare, deleting a script does not delete its application. */
export const containerSchema = `
create table if not exists container_applications (
  id text primary key, name text not null, namespace_id text not null unique, instances integer not null,
  max_instances integer not null, version integer not null, configuration text not null, rest text not null,
  active_rollout_id text, created_on text not null, updated_on text not null
) strict;
create table if not exists container_rollouts (
  seq integer primary key autoincrement, id text not null unique,
  application_id text not null references container_applications (id) on delete cascade,
  status text not null, done_steps integer not null, body text not null, current_version integer not null,
  target_version integer not null, current_configuration text not null, target_configuration text not null,
  created_on text not null, updated_on text not null
) strict;
create index if not exists container_rollouts_by_application on container_rollouts (application_id, seq);
create table if not exists container_registries (
  domain text primary key, kind text not null, public_credential text not null, created_on text not null
) strict;
`

export interface Application {
  id: string
  name: string
  namespaceId: string
  instances: number
  maxInstances: number
  version: number
  configuration: Configuration
  /** Settings that are recorded but have no effect here. */
  rest: { constraints?: object; observability?: object; rollout_active_grace_period?: number }
  activeRolloutId: string | null
  createdOn: string
  updatedOn: string
}

export interface Rollout {
  id: string
  applicationId: string
  status: 'pending' | 'progressing' | 'completed' | 'reverted' | 'replaced'
  doneSteps: number
  body: Omit<RolloutBody, 'steps'> & { steps: NonNullable<RolloutBody['steps']> }
  currentVersion: number
  targetVersion: number
  currentConfiguration: Configuration
  targetConfiguration: Configuration
  createdOn: string
  updatedOn: string
}

export interface ExternalRegistry {
  domain: string
  kind: string
  publicCredential: string
  createdOn: string
}

const toApplication = (row: Row): Application => ({
  id: text(row, 'id'),
  name: text(row, 'name'),
  namespaceId: text(row, 'namespace_id'),
  instances: integer(row, 'instances'),
  maxInstances: integer(row, 'max_instances'),
  version: integer(row, 'version'),
  configuration: stored(row, 'configuration'),
  rest: stored(row, 'rest'),
  activeRolloutId: textOrNull(row, 'active_rollout_id'),
  createdOn: text(row, 'created_on'),
  updatedOn: text(row, 'updated_on'),
})

const toRollout = (row: Row): Rollout => ({
  id: text(row, 'id'),
  applicationId: text(row, 'application_id'),
  status: text(row, 'status') as Rollout['status'],
  doneSteps: integer(row, 'done_steps'),
  body: stored(row, 'body'),
  currentVersion: integer(row, 'current_version'),
  targetVersion: integer(row, 'target_version'),
  currentConfiguration: stored(row, 'current_configuration'),
  targetConfiguration: stored(row, 'target_configuration'),
  createdOn: text(row, 'created_on'),
  updatedOn: text(row, 'updated_on'),
})

/** The SQL of container applications, rollouts and registries, without business rules. */
export class ContainerStore {
  readonly #db: DatabaseSync

  constructor(db: DatabaseSync) {
    this.#db = db
  }

  applications(): Application[] {
    return this.#db
      .prepare('select * from container_applications order by created_on, id')
      .all()
      .map(toApplication)
  }

  application(id: string): Application | undefined {
    const row = this.#db.prepare('select * from container_applications where id = ?').get(id)
    return row === undefined ? undefined : toApplication(row)
  }

  /** Inserts or updates an application. */
  saveApplication(application: Application): void {
    const { id, name, namespaceId, instances, maxInstances, version, activeRolloutId } = application
    const { configuration, rest, createdOn, updatedOn } = application
    const sql = `insert into container_applications (id, name, namespace_id, instances, max_instances, version,
        configuration, rest, active_rollout_id, created_on, updated_on) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
      on conflict (id) do update set instances = excluded.instances, max_instances = excluded.max_instances,
        version = excluded.version, configuration = excluded.configuration, rest = excluded.rest,
        active_rollout_id = excluded.active_rollout_id, updated_on = excluded.updated_on`
    const json = [JSON.stringify(configuration), JSON.stringify(rest)]
    this.#db
      .prepare(sql)
      .run(
        id,
        name,
        namespaceId,
        instances,
        maxInstances,
        version,
        ...json,
        activeRolloutId,
        createdOn,
        updatedOn,
      )
  }

  deleteApplication(id: string): void {
    this.#db.prepare('delete from container_applications where id = ?').run(id)
  }

  /** The rollouts of an application, newest first. */
  rollouts(applicationId: string): Rollout[] {
    const sql = 'select * from container_rollouts where application_id = ? order by seq desc'
    return this.#db.prepare(sql).all(applicationId).map(toRollout)
  }

  saveRollout(rollout: Rollout): void {
    const { id, applicationId, status, doneSteps, currentVersion, targetVersion } = rollout
    const { body, currentConfiguration, targetConfiguration, createdOn, updatedOn } = rollout
    const sql = `insert into container_rollouts (id, application_id, status, done_steps, body, current_version,
        target_version, current_configuration, target_configuration, created_on, updated_on)
      values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
      on conflict (id) do update set status = excluded.status, done_steps = excluded.done_steps,
        updated_on = excluded.updated_on`
    const [was, becomes] = [JSON.stringify(currentConfiguration), JSON.stringify(targetConfiguration)]
    this.#db
      .prepare(sql)
      .run(
        ...[id, applicationId, status, doneSteps, JSON.stringify(body), currentVersion, targetVersion],
        ...[was, becomes, createdOn, updatedOn],
      )
  }

  deleteRollout(id: string): void {
    this.#db.prepare('delete from container_rollouts where id = ?').run(id)
  }

  registries(): ExternalRegistry[] {
    const rows = this.#db.prepare('select * from container_registries order by domain').all()
    return rows.map((row) => ({
      domain: text(row, 'domain'),
      kind: text(row, 'kind'),
      publicCredential: text(row, 'public_credential'),
      createdOn: text(row, 'created_on'),
    }))
  }

  saveRegistry({ domain, kind, publicCredential, createdOn }: ExternalRegistry): void {
    const sql = `insert into container_registries (domain, kind, public_credential, created_on) values (?, ?, ?, ?)
      on conflict (domain) do update set kind = excluded.kind, public_credential = excluded.public_credential`
    this.#db.prepare(sql).run(domain, kind, publicCredential, createdOn)
  }

  /** @returns false if the registry did not exist */
  deleteRegistry(domain: string): boolean {
    return this.#db.prepare('delete from container_registries where domain = ?').run(domain).changes > 0
  }
}
