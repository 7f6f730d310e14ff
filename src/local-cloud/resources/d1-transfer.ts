import { createHash, randomBytes } from 'node:crypto'
import { createReadStream, type ReadStream } from 'node:fs'
import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { z } from 'zod'
import { type CloudContext, transfersDir } from '../context.ts'
import { ApiError } from '../errors.ts'
import { callBridge, TooLongError, textOf } from './bridge-call.ts'
import { type QueryAnswer, runQueries } from './d1.ts'
import { bookmarkOf } from './time-travel.ts'
import { deleteOldFiles, isKept } from './transfer-files.ts'

const md5 = z.string().regex(/^[0-9a-f]{32}$/, 'must be an MD5 hash')
export const importBody = z.discriminatedUnion('action', [
  z.strictObject({ action: z.literal('init'), etag: md5 }),
  z.strictObject({ action: z.literal('ingest'), etag: md5, filename: z.string() }),
  z.strictObject({ action: z.literal('poll'), current_bookmark: z.string() }),
])
export const exportBody = z.strictObject({
  output_format: z.literal('polling'),
  current_bookmark: z.string().nullish(),
  dump_options: z
    .strictObject({
      no_schema: z.boolean().optional(),
      no_data: z.boolean().optional(),
      tables: z.array(z.string()).optional(),
    })
    .optional(),
})
type DumpOptions = NonNullable<z.infer<typeof exportBody>['dump_options']>

/** The largest file of an import: its text has to fit into the process of a Worker. Cloudflare's limit is 5 GB. */
export const maxImportBytes = 32 * 1024 * 1024
/** The largest export: it is in the memory of the cloud, and larger files can't be imported anyway. */
const maxExportBytes = 64 * 1024 * 1024

/** The name of an import's file, by which it is uploaded once only. */
export const importName = (databaseId: string, etag: string): string => `${databaseId}.${etag}.sql`

/** A file is named by the id of its database, and a hash or a random number: nobody else can guess the link. */
function pathOf(cloud: CloudContext, name: string): string {
  if (!/^[0-9a-f-]{36}\.[0-9a-f]{32}\.sql$/.test(name)) throw new ApiError('noRoute')
  return join(transfersDir(cloud.dataDir), name)
}

/**
 * Stores the file of an import, whose name `init` has announced. Nothing of the body is read for another name.
 * @param receive reads the body
 * @returns its MD5
 * @throws ApiError 7000 for an unknown database or name, 7400 for another hash
 */
export async function storeUpload(
  cloud: CloudContext,
  name: string,
  receive: () => Promise<Buffer>,
): Promise<string> {
  const path = pathOf(cloud, name)
  const [databaseId = ''] = name.split('.')
  if (cloud.store.resources.database(databaseId)?.id !== databaseId) throw new ApiError('noRoute')
  const giveBack = cloud.uploadLinks.take(name, cloud.clock())
  if (giveBack === undefined) throw new ApiError('noRoute', 'The link is not valid any more.')
  try {
    return await writeUpload(cloud, path, await receive())
  } catch (error) {
    giveBack()
    throw error
  }
}

async function writeUpload(cloud: CloudContext, path: string, content: Buffer): Promise<string> {
  const [, wanted] = basename(path).split('.')
  const etag = createHash('md5').update(content).digest('hex')
  if (etag !== wanted) throw new ApiError('invalidDatabase', 'The file does not have the announced hash.')
  await deleteOldFiles(cloud)
  const draft = `${path}.${randomBytes(4).toString('hex')}`
  await writeFile(draft, content)
  await rename(draft, path)
  return etag
}

/** @throws ApiError 7000 if the link is wrong or too old */
export async function readExport(cloud: CloudContext, name: string): Promise<ReadStream> {
  const path = pathOf(cloud, name)
  if (!(await isKept(cloud, path))) throw new ApiError('noRoute', 'The link is not valid any more.')
  return createReadStream(path)
}

/** Runs the uploaded file in one transaction: if it fails, the database is as before. @throws ApiError 7400 or 7500 */
export async function ingest(cloud: CloudContext, id: string, name: string) {
  const path = pathOf(cloud, name)
  if (!(await isKept(cloud, path))) throw new ApiError('invalidDatabase', 'The file was not uploaded.')
  const found = await runQueries(cloud, id, { sql: await readFile(path, 'utf8') })
  await rm(path, { force: true })
  return { queries: found.length, meta: sumOf(found), bookmark: await bookmarkOf(cloud, id) }
}

function sumOf(answers: QueryAnswer[]) {
  const total = (field: 'rows_read' | 'rows_written' | 'duration' | 'changes') =>
    answers.reduce((sum, { meta }) => sum + (Number(meta[field]) || 0), 0)
  const [read, written] = [total('rows_read'), total('rows_written')]
  const sums = {
    rows_read: read,
    rows_written: written,
    duration: total('duration'),
    changes: total('changes'),
  }
  return { ...answers.at(-1)?.meta, ...sums }
}

const dumped = z.union([
  z.object({ error: z.string() }),
  z.object({ results: z.tuple([z.array(z.string())]) }),
])

/** Writes a database as SQL into a file. @returns the name of the file @throws ApiError 7500 */
export async function exportDatabase(
  cloud: CloudContext,
  id: string,
  { no_schema: noSchema = false, no_data: noData = false, tables = [] }: DumpOptions = {},
): Promise<string> {
  await deleteOldFiles(cloud)
  const body = JSON.stringify({ noSchema, noData, tables })
  const dump = await callBridge(cloud, `d1:${id}`, { operation: 'DUMP', body })
  const tooLarge = `The export is over ${maxExportBytes / 1024 / 1024} MiB: export single tables.`
  const { failed, text } = await textOf(dump, maxExportBytes).catch((error: unknown) => {
    throw error instanceof TooLongError ? new ApiError('queryFailed', tooLarge) : error
  })
  const answer = failed ? { error: text } : dumped.parse(JSON.parse(text))
  if ('error' in answer) throw new ApiError('queryFailed', answer.error)
  const [lines] = answer.results
  const name = `${id}.${randomBytes(16).toString('hex')}.sql`
  await writeFile(pathOf(cloud, name), lines.map((line) => `${line}\n`).join(''))
  return name
}
