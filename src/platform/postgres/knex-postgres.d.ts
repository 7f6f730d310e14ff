// knex's declarations omit its dialects, which are meant to be subclassed.
declare module 'knex/lib/dialects/postgres/index.js' {
  import { knex } from 'knex'

  // biome-ignore lint/style/noDefaultExport: the package has a default export
  export default class PostgresClient extends knex.Client {
    /** Called with the parameters of every query before it is sent. */
    prepBindings(bindings: readonly unknown[] | undefined): unknown[] | undefined
  }
}
