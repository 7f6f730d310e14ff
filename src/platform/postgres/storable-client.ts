import PostgresClient from 'knex/lib/dialects/postgres/index.js'
import { storableParameter } from './storable-text.ts'

/**
 * Makes the parameters of every query storable, in this one place: text from a cloud, a registry or a node may contain
 * any character, and one that PostgreSQL refuses would make the write fail that records a result.
 */
export class StorablePostgresClient extends PostgresClient {
  override prepBindings(bindings: readonly unknown[] | undefined): unknown[] | undefined {
    return super.prepBindings(bindings)?.map(storableParameter)
  }
}
