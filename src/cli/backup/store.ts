import { createReadStream, createWriteStream } from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { type Client, escapeIdentifier } from 'pg'
import { from as copyFrom, to as copyTo } from 'pg-copy-streams'
import { type Contents, tablesFolder } from './manifest.ts'

type Table = Contents['tables'][number]

/** Excluded: the migrations table, which the migrations fill, and the queues' tables, which are filled from `jobs`. */
const ours = "nspname = 'public' and relname !~ '^schema_migrations'"

/** The tables and sequences of the database, as of the caller's transaction; rows are counted when they are copied. */
export async function describe(client: Client): Promise<Contents> {
  const tables = await client.query<{ name: string; columns: string[] }>(`
    select relname as name, array_agg(attname::text order by attnum) as columns
    from pg_class c join pg_namespace n on n.oid = relnamespace join pg_attribute a on attrelid = c.oid
    where ${ours} and relkind in ('r', 'p') and not relispartition
      and attnum > 0 and not attisdropped and attgenerated = ''
    group by relname order by relname`)
  const partitions = await client.query<Contents['partitions'][number]>(`
    select c.relname as name, p.relname as parent, pg_get_expr(c.relpartbound, c.oid) as bound
    from pg_class c join pg_inherits on inhrelid = c.oid join pg_class p on p.oid = inhparent
      join pg_namespace n on n.oid = c.relnamespace
    where nspname = 'public' and c.relispartition and c.relkind = 'r' order by c.relname`)
  const sequences = await client.query<{ name: string; last: string }>(`
    select sequencename as name, last_value::text as last from pg_sequences
    where schemaname = 'public' and last_value is not null and sequencename !~ '^schema_migrations'
    order by sequencename`)
  return {
    tables: tables.rows.map((table) => ({ ...table, rows: 0 })),
    partitions: partitions.rows,
    sequences: sequences.rows,
  }
}

/** @returns the number of rows */
export async function writeTable(client: Client, { name, columns }: Table, root: string): Promise<number> {
  const source = client.query(
    copyTo(`copy (select ${listOf(columns)} from ${escapeIdentifier(name)}) to stdout`),
  )
  await pipeline(source, createWriteStream(fileOf(root, name), { mode: 0o600, flush: true }))
  return source.rowCount
}

/** Fills empty, migrated tables with the rows unchanged: triggers, defaults and foreign keys are disabled. */
export async function load(client: Client, contents: Contents, root: string): Promise<void> {
  const { tables, partitions, sequences } = contents
  await client.query("set local session_replication_role = 'replica'")
  for (const { name, parent, bound } of partitions) {
    const [part, whole] = [escapeIdentifier(name), escapeIdentifier(parent)]
    await client.query(`create table if not exists ${part} partition of ${whole} ${bound}`)
  }
  // The backup includes the rows that migrations inserted.
  await client.query(`truncate ${listOf(tables.map(({ name }) => name))}`)
  for (const table of tables) await readTable(client, table, root)
  for (const { name, last } of sequences)
    await client.query('select setval($1::regclass, $2)', [escapeIdentifier(name), last])
}

async function readTable(client: Client, { name, columns, rows }: Table, root: string): Promise<void> {
  const sink = client.query(copyFrom(`copy ${escapeIdentifier(name)} (${listOf(columns)}) from stdin`))
  await pipeline(createReadStream(fileOf(root, name)), sink)
  if (sink.rowCount !== rows)
    throw new Error(`The backup has ${sink.rowCount} of ${rows} rows of ${name}: it is damaged`)
}

const listOf = (names: string[]) => names.map(escapeIdentifier).join(', ')
const fileOf = (root: string, table: string) => join(root, tablesFolder, table)
