import { rm } from 'node:fs/promises'
import { z } from 'zod'
import { bookmarksDir, type CloudContext } from '../context.ts'
import { ApiError } from '../errors.ts'
import type { Database } from '../store/resources.ts'
import { callBridge, textOf } from './bridge-call.ts'
import { deleteStore } from './delete-store.ts'
import { splitStatements } from './sql.ts'

export const databaseBody = z.strictObject({
  name: z.string().min(1).max(64),
  jurisdiction: z.string().nullish(),
  primary_location_hint: z.string().nullish(),
  read_replication: z.strictObject({ mode: z.string() }).optional(),
})

const value = z.union([z.string(), z.number(), z.boolean(), z.null(), z.array(z.number())])
const query = z.strictObject({ sql: z.string(), params: z.array(value).nullish() })
export const queryBody = z.union([query, z.strictObject({ batch: z.array(query).min(1) })])
type QueryBody = z.infer<typeof queryBody>
type Query = z.infer<typeof query>

/** Finds a database by id or name. @throws ApiError 7404 */
export function requireDatabase({ store }: CloudContext, idOrName: string): Database {
  const found = store.resources.database(idOrName)
  if (found === undefined)
    throw new ApiError('databaseNotFound', `The database ${idOrName} could not be found`)
  return found
}

/** @throws ApiError 7400 or 7502 */
export function createDatabase(
  { store }: CloudContext,
  { name, jurisdiction = null }: z.infer<typeof databaseBody>,
): Database {
  if (!/^[\w-]+$/.test(name)) throw new ApiError('invalidDatabase', 'The name of the database is not valid.')
  if (store.resources.databases().some((each) => each.name === name))
    throw new ApiError('databaseExists', `Database with name '${name}' already exists`)
  return store.resources.createDatabase(name, jurisdiction, new Date().toISOString())
}

/** Deletes a database with its bookmarks. @throws ApiError 7404 */
export async function deleteDatabase(cloud: CloudContext, idOrName: string): Promise<void> {
  const { id } = requireDatabase(cloud, idOrName)
  await deleteStore(cloud, { kind: 'd1', id }, () => cloud.store.resources.deleteDatabase(id))
  await rm(bookmarksDir(cloud.dataDir, id), { recursive: true, force: true })
}

const meta = z.looseObject({ size_after: z.number(), rows_read: z.number(), rows_written: z.number() })
const answers = z.array(
  z.object({
    results: z.object({ columns: z.array(z.string()), rows: z.array(z.array(z.unknown())) }),
    meta,
    success: z.literal(true),
  }),
)
export type QueryAnswer = z.infer<typeof answers>[number]
const failure = z.object({ error: z.string() })

/** Runs all statements of a request in one transaction. @throws ApiError 7400, or 7500 with SQLite's error */
export async function runQueries(cloud: CloudContext, id: string, body: QueryBody): Promise<QueryAnswer[]> {
  const queries = ('batch' in body ? body.batch : [body]).flatMap(statementsOf)
  if (queries.length === 0) throw new ApiError('queryFailed', 'No SQL statements detected.')
  const answer = await callBridge(cloud, `d1:${id}`, { body: JSON.stringify(queries) })
  const { failed, text } = await textOf(answer)
  const found: unknown = failed ? { error: text } : JSON.parse(text)
  const problem = failure.safeParse(found)
  if (problem.success) throw new ApiError('queryFailed', problem.data.error)
  return answers.parse(found)
}

/** The statements of a query with their parameters, which the statements take in order. @throws ApiError 7400 */
function statementsOf({ sql, params }: Query): Query[] {
  const statements = splitStatements(sql)
  const values = (params ?? []).map((each) => (typeof each === 'boolean' ? Number(each) : each))
  if (statements.length === 1) return statements.map(({ sql: text }) => ({ sql: text, params: values }))
  const wanted = statements.reduce((sum, { parameters }) => sum + parameters, 0)
  if (wanted !== values.length)
    throw new ApiError(
      'invalidDatabase',
      `The statements have ${wanted} parameters, but ${values.length} values were given.`,
    )
  let used = 0
  return statements.map(({ sql: text, parameters }) => {
    used += parameters
    return { sql: text, params: values.slice(used - parameters, used) }
  })
}

const counts = z.tuple([z.number()])

/** The number of tables that the owner of the database created, and the size in bytes. */
export async function sizeOf(cloud: CloudContext, id: string): Promise<{ tables: number; bytes: number }> {
  const sql = `select count(*) from sqlite_master
    where type = 'table' and name not like 'sqlite\\_%' escape '\\' and name not like '\\_cf\\_%' escape '\\'`
  const [found] = await runQueries(cloud, id, { sql })
  const [tables] = counts.parse(found?.results.rows[0])
  return { tables, bytes: found?.meta.size_after ?? 0 }
}
