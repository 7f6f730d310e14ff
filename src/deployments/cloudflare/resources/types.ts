import type { NamedResource } from '../../model/request/resources.ts'

/** A resource as a binding contains it: an id, or for buckets, queues and dispatch namespaces the name. */
export interface GivenResource extends Omit<NamedResource, 'name'> {
  id: string
}

/** The calls about resources that bindings refer to. */
export interface ResourceApi {
  /** The value for the binding; undefined if no resource has the name. */
  find(resource: NamedResource, signal: AbortSignal): Promise<string | undefined>
  /** False if the resource does not exist. @throws CloudError, also if the token may not read resources of the type */
  exists(resource: GivenResource, signal: AbortSignal): Promise<boolean>
  /** Creates a resource. @returns the value for the binding */
  create(resource: NamedResource, signal: AbortSignal): Promise<string>
  databases: DatabaseApi
}

/** The calls about the migrations of a D1 database. */
export interface DatabaseApi {
  /** The names in the table of applied migrations, oldest first; empty if there is no such table. */
  appliedMigrations(database: string, table: string, signal: AbortSignal): Promise<string[]>
  createMigrationTable(database: string, table: string, signal: AbortSignal): Promise<void>
  /** The bookmark of the present state, to which a database can be restored. */
  bookmark(database: string, signal: AbortSignal): Promise<string>
  /** Runs statements as one transaction. */
  run(database: string, sql: string, signal: AbortSignal): Promise<void>
}
