import PostgresClient from 'knex/lib/dialects/postgres/index.js'
import { storableParameter } from './storable-text.ts'

/**
 * Makes the parameters of every query storable, here and nowhere else: text from a cloud, a registry or a node may
 * hold anything, and one character that PostgreSQL refuses would fail the write that records what has happened.
 */
export class StorablePostgresClient extends PostgresClient {
  override prepBindings(bindings: readonly unknown[] | undefined): unknown[] | undefined {
    return super.prepBindings(bindings)?.map(storableParameter)
  }
}
