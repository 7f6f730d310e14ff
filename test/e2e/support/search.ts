import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import type { Stack } from '../../helpers/stack.ts'
import { query } from './client.ts'

/** The encodings in which a secret may have been stored by accident. */
function formsOf(secret: string): string[] {
  const bytes = Buffer.from(secret)
  const inside = [0, 1, 2].map((shift) => {
    const text = Buffer.concat([Buffer.alloc(shift), bytes]).toString('base64')
    // Leaves out the characters that depend on neighbouring bytes.
    return text.slice(shift === 0 ? 0 : shift + 1, Math.floor(((shift + bytes.length) * 8) / 6) - 1)
  })
  const url = inside.map((text) => text.replaceAll('+', '-').replaceAll('/', '_'))
  return [secret, bytes.toString('hex'), ...inside, ...url]
}

/** @returns the names of the secrets that a text contains, in any encoding */
export function secretsIn(text: string, secrets: Record<string, string>): string[] {
  return Object.entries(secrets)
    .filter(([, secret]) => formsOf(secret).some((form) => text.includes(form)))
    .map(([name]) => name)
}

/** All rows of all tables outside the system's schemas, as `table: row` lines. */
export async function dumpDatabase(stack: Stack): Promise<string> {
  const tables = await query<{ name: string }>(
    stack,
    `select format('%I.%I', schemaname, tablename) as name from pg_tables
     where schemaname not in ('pg_catalog', 'information_schema')`,
  )
  const texts: string[] = []
  for (const { name } of tables) {
    const rows = await query<{ row: string }>(stack, `select t::text as row from ${name} t`)
    texts.push(...rows.map(({ row }) => `${name}: ${row}`))
  }
  return texts.join('\n')
}

/**
 * Searches every file below DATA_DIR, including the database's own.
 * @returns `file: secret` for each find, with paths relative to DATA_DIR
 */
export function searchFiles(dataDir: string, secrets: Record<string, string>): string[] {
  const files = readdirSync(dataDir, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  )
  return files.flatMap((entry) => {
    const path = join(entry.parentPath, entry.name)
    const content = readFileSync(path)
    return Object.entries(secrets)
      .filter(([, secret]) => content.includes(secret))
      .map(([name]) => `${relative(dataDir, path)}: ${name}`)
  })
}
