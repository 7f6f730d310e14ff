import type { CloudContext } from '../../context.ts'
import {
  createDatabase,
  databaseBody,
  deleteDatabase,
  type QueryAnswer,
  queryBody,
  requireDatabase,
  runQueries,
  sizeOf,
} from '../../resources/d1.ts'
import { bookmarkOf, restore } from '../../resources/time-travel.ts'
import type { Database } from '../../store/resources.ts'
import { readJson } from '../body.ts'
import { paged } from '../envelope.ts'
import type { Call, Router } from '../router.ts'

const all = '/accounts/{account}/d1/database'
const one = `${all}/{database}`
/** More than a D1 migration may have on Cloudflare. */
const maxQueryBytes = 32 * 1024 * 1024

const summary = ({ id, name, createdOn, jurisdiction }: Database) => ({
  uuid: id,
  name,
  version: 'production',
  created_at: createdOn,
  ...(jurisdiction === null ? {} : { jurisdiction }),
})

/** The routes of D1 databases. A database is named by its id or its name. */
export function d1Routes(router: Router, cloud: CloudContext): void {
  const { resources } = cloud.store
  const idOf = (call: Call) => requireDatabase(cloud, call.param('database')).id
  router
    .on(`GET ${all}`, ({ query }) => {
      const name = query.get('name')
      const found = resources.databases().filter((each) => name === null || each.name.includes(name))
      const { items, info } = paged(found, query)
      return { result: items.map(summary), resultInfo: info }
    })
    .on(`POST ${all}`, async ({ req }) => {
      const created = createDatabase(cloud, await readJson(req, databaseBody))
      return { result: { ...summary(created), num_tables: 0, file_size: 0 } }
    })
    .on(`GET ${one}`, async (call) => {
      const found = requireDatabase(cloud, call.param('database'))
      const { tables, bytes } = await sizeOf(cloud, found.id)
      const sizes = { num_tables: tables, file_size: bytes, read_replication: { mode: 'disabled' } }
      return { result: { ...summary(found), ...sizes } }
    })
    .on(`DELETE ${one}`, async (call) => {
      await deleteDatabase(cloud, call.param('database'))
      return { result: null }
    })
    .on(`POST ${one}/query`, async (call) => {
      const id = idOf(call)
      const found = await runQueries(cloud, id, await readJson(call.req, queryBody, maxQueryBytes))
      return { result: found.map((each) => ({ ...each, results: rowsOf(each) })) }
    })
    .on(`POST ${one}/raw`, async (call) => {
      const id = idOf(call)
      return { result: await runQueries(cloud, id, await readJson(call.req, queryBody, maxQueryBytes)) }
    })
    .on(`GET ${one}/time_travel/bookmark`, async (call) => {
      const timestamp = call.query.get('timestamp') ?? undefined
      return { result: { bookmark: await bookmarkOf(cloud, idOf(call), timestamp) } }
    })
    .on(`POST ${one}/time_travel/restore`, async (call) => {
      const [bookmark, timestamp] = [call.query.get('bookmark'), call.query.get('timestamp')]
      const target = { bookmark: bookmark ?? undefined, timestamp: timestamp ?? undefined }
      return { result: await restore(cloud, idOf(call), target) }
    })
}

/** Rows as objects; of equal column names the last one counts, as on Cloudflare. */
const rowsOf = ({ results: { columns, rows } }: QueryAnswer) =>
  rows.map((row) => Object.fromEntries(columns.map((name, at) => [name, row[at]])))
