// knex's declarations do not cover its dialects, which are made to be subclassed.
declare module 'knex/lib/dialects/postgres/index.js' {
  import { knex } from 'knex'

  // biome-ignore lint/style/noDefaultExport: as the package has it
  export default class PostgresClient extends knex.Client {
    /** Called with the parameters of every query before it is sent. */
    prepBindings(bindings: readonly unknown[] | undefined): unknown[] | undefined
  }
}
