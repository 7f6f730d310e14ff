import type { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import type { CloudContext } from '../../context.ts'
import { ApiError } from '../../errors.ts'
import { requireDatabase } from '../../resources/d1.ts'
import {
  exportBody,
  exportDatabase,
  importBody,
  importName,
  ingest,
  maxImportBytes,
  readExport,
  storeUpload,
} from '../../resources/d1-transfer.ts'
import { bookmarkOf } from '../../resources/time-travel.ts'
import { readBytesWithin, readJson } from '../body.ts'
import type { RawAnswer } from '../envelope.ts'
import type { Router } from '../router.ts'

const one = '/accounts/{account}/d1/database/{database}'
const linkPrefix = '/capstan/transfers/'
/** The time within which the body of an upload has to arrive: clients are on the same machine. */
const uploadMs = 60_000

/** A link to a file. It needs no token, like Cloudflare's signed links. */
const linkTo = ({ headers }: IncomingMessage, name: string) => `http://${headers.host}${linkPrefix}${name}`

/** The routes of the import and export of D1 databases. Both are complete with their first response. */
export function d1TransferRoutes(router: Router, cloud: CloudContext): void {
  router
    .on(`POST ${one}/import`, async ({ req, param }) => {
      const { id } = requireDatabase(cloud, param('database'))
      const body = await readJson(req, importBody)
      const about = { type: 'import', messages: [] }
      if (body.action === 'poll')
        return {
          result: { ...about, success: false, status: 'error', error: 'Not currently importing anything.' },
        }
      const filename = importName(id, body.etag)
      if (body.action === 'init') {
        cloud.uploadLinks.issue(filename, cloud.clock())
        return { result: { ...about, success: true, filename, upload_url: linkTo(req, filename) } }
      }
      if (body.filename !== filename) throw new ApiError('invalidDatabase', 'The file was not uploaded.')
      return { result: { ...about, ...(await ingested(cloud, id, filename)) } }
    })
    .on(`POST ${one}/export`, async ({ req, param }) => {
      const { id } = requireDatabase(cloud, param('database'))
      const { dump_options: options } = await readJson(req, exportBody)
      const filename = await exportDatabase(cloud, id, options)
      const result = { filename, signed_url: linkTo(req, filename) }
      const at = { at_bookmark: await bookmarkOf(cloud, id), messages: ['Generated the SQL file'] }
      return { result: { type: 'export', success: true, status: 'complete', ...at, result } }
    })
}

/** The result of an import. A failure of the SQL is part of the result, as on Cloudflare. */
async function ingested(cloud: CloudContext, id: string, filename: string) {
  try {
    const { queries, meta, bookmark } = await ingest(cloud, id, filename)
    const result = { num_queries: queries, final_bookmark: bookmark, meta }
    const messages = [`Processed ${queries} queries.`]
    return { success: true, status: 'complete', at_bookmark: bookmark, messages, result }
  } catch (error) {
    if (!(error instanceof ApiError)) throw error
    return { success: false, status: 'error', error: error.message }
  }
}

export const isTransferPath = (path: string): boolean => path.startsWith(linkPrefix)

/**
 * Receives or sends the file of a link.
 * @param countUpload counts the uploads with valid links for the rate limit, and throws above it
 * @throws ApiError
 */
export async function transfer(
  cloud: CloudContext,
  req: IncomingMessage,
  { path, countUpload }: { path: string; countUpload: () => void },
): Promise<RawAnswer> {
  const name = path.slice(linkPrefix.length)
  if (req.method === 'GET') {
    const headers = { 'content-type': 'application/sql', 'cache-control': 'no-store' }
    return { raw: await readExport(cloud, name), headers, status: 200 }
  }
  if (req.method !== 'PUT') throw new ApiError('methodNotAllowed')
  const etag = await storeUpload(cloud, name, async () => {
    countUpload()
    return await readBytesWithin(req, { limit: maxImportBytes, timeoutMs: uploadMs })
  })
  return { raw: Readable.from([]), headers: { etag: `"${etag}"`, 'content-length': 0 }, status: 200 }
}
