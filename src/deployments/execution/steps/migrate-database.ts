import { internalError } from '../../../platform/errors.ts'
import { CloudError } from '../../cloudflare/errors.ts'
import type { DatabaseApi } from '../../cloudflare/resources/index.ts'
import { planUnusable } from '../../model/errors.ts'
import type { DatabaseMigrations } from '../../model/request/databases.ts'
import { databaseId } from '../../plans/parts/database-migrations.ts'
import type { StepContext, StepResult } from './context.ts'
import type { ResourceContext } from './provision-resources.ts'

interface DatabaseContext extends ResourceContext, Pick<StepContext, 'readBlob'> {
  deployment: Pick<StepContext['deployment'], 'resources' | 'databases'>
}

/**
 * Applies the migrations that the databases lack, file by file. Each call is one transaction that also records the file
 * in the database's table of migrations, whose names are unique, so that no file is applied twice. The bookmark of the
 * state before is recorded first. A failure leaves the old version serving.
 */
export async function migrateDatabase(context: DatabaseContext): Promise<StepResult> {
  for (const migrations of context.plan.config.databases ?? []) await migrate(context, migrations)
  return {}
}

async function migrate(
  context: DatabaseContext,
  { binding, table, files }: DatabaseMigrations,
): Promise<void> {
  const { deployment, plan, target, signal, log } = context
  const { databases } = target.resources
  const id = databaseId(plan.config, binding) ?? deployment.resources?.[binding]?.id
  if (id === undefined) throw internalError(`The database of the binding ${binding} is not known`)
  const applied = await databases.appliedMigrations(id, table, signal)
  const left = files.filter(({ name }) => !applied.includes(name))
  if (left.length === 0) {
    log.info(`${binding}: all ${files.length} migrations are applied`)
    return
  }
  let state = deployment.databases?.[binding]
  if (state === undefined) {
    state = { id, bookmark: await databases.bookmark(id, signal), table, before: applied }
    await context.remember({ databases: { [binding]: state } })
  }
  log.info(`${binding}: the bookmark before the migrations is ${state.bookmark}`)
  await databases.createMigrationTable(id, table, signal)
  for (const file of left) {
    const sql = statements(await textOf(context, file.digest), { table, name: file.name })
    await apply({ databases, signal, id, table, sql, name: file.name, binding })
    log.info(`${binding}: applied ${file.name}`)
  }
}

async function apply(work: {
  databases: DatabaseApi
  signal: AbortSignal
  id: string
  table: string
  sql: string
  name: string
  binding: string
}): Promise<void> {
  const { databases, signal, id, table, sql, name, binding } = work
  try {
    await databases.run(id, sql, signal)
  } catch (error) {
    if (!(error instanceof CloudError) || error.status === 429 || error.status >= 500) throw error
    // A call of an earlier attempt may have arrived late; then this one was refused as a whole.
    if ((await databases.appliedMigrations(id, table, signal)).includes(name)) return
    throw planUnusable(`The migration ${name} of ${binding} failed and was not applied: ${error.message}`, {
      cause: error,
      retryable: false,
      suggestedAction:
        'Correct the file and prepare again. Migrations before it stay applied; the old version serves',
    })
  }
}

/** A file and the record of its application, which take effect together. */
export function statements(file: string, { table, name }: { table: string; name: string }): string {
  const last = lastToken(file)
  // Without a semicolon the record would be read as a part of the last statement.
  const end = last === undefined || last === ';' ? '' : '\n;'
  return `${file}${end}\nINSERT INTO "${table}" (name) values ('${name.replaceAll("'", "''")}');`
}

const space = /^(?:\s|--|\/\*)/
const tokens = /--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|'(?:[^']|'')*'|"(?:[^"]|"")*"|`[^`]*`|\[[^\]]*\]|\s+|[\s\S]/g

/** The last character or quoted text of SQL that is neither space nor a comment. */
function lastToken(sql: string): string | undefined {
  let last: string | undefined
  for (const [token] of sql.matchAll(tokens)) if (!space.test(token)) last = token
  return last
}

async function textOf({ readBlob }: Pick<StepContext, 'readBlob'>, digest: string): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  for await (const bytes of readBlob(digest)) text += decoder.decode(bytes, { stream: true })
  return text + decoder.decode()
}
