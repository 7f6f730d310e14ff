import { createHash, randomUUID } from 'node:crypto'
import { open, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Request, Response } from 'express'
import send from 'send'
import { z } from 'zod'
import { forbidden, malformed, notFound, tooLarge } from '../../../platform/errors.ts'
import { type Route, route } from '../../../platform/http/index.ts'
import { releaseMemory } from '../../publishing/chunk-memory.ts'
import { operation } from '../../routes/operation.ts'
import { ensureFolder, place, safeKey } from './disk.ts'
import { type LinkMethod, type LinkSigner, linkPath } from './signed-links.ts'
import { folders } from './store.ts'

interface LinkRouteOptions {
  root: string
  links: LinkSigner
  /** Part size in bytes, which determines a part's offset in the file. */
  partSize: number
}

const params = z.object({ key: z.array(z.string()) })

/** The routes of the file store's signed URLs. The signature is the permission: any holder of a link may use it. */
export function linkRoutes(options: LinkRouteOptions): Route[] {
  // A repeated parameter is parsed as a list, which `check` refuses: no such query was ever signed.
  const query = z.record(z.string(), z.unknown())
  const open = { path: `${linkPath}/*key`, access: 'open', limit: 'none', params, query } as const
  return [
    route({
      ...operation('readStoredFile'),
      ...open,
      method: 'get',
      async handle({ params, query, req, res }) {
        const key = requireValidLink(options.links, { method: 'GET', key: params.key.join('/'), query })
        await download(options.root, key, { req, res, disposition: String(query.disposition) })
        return undefined
      },
    }),
    route({
      ...operation('writeStoredFile'),
      ...open,
      method: 'put',
      csrf: false,
      async handle({ params, query, req, res }) {
        const key = requireValidLink(options.links, { method: 'PUT', key: params.key.join('/'), query })
        const size = Number(query.size)
        const etag =
          typeof query.upload === 'string'
            ? await receivePart(options, { upload: query.upload, number: Number(query.part), size, req })
            : await receiveWhole(options.root, { key, size, req })
        res.setHeader('ETag', etag)
        res.status(200).end()
        return undefined
      },
    }),
  ]
}

interface LinkRequest {
  method: LinkMethod
  key: string
  query: Record<string, unknown>
}

/** @returns the key. @throws ACCESS_003 for an expired or invalid link */
function requireValidLink(links: LinkSigner, { method, key, query }: LinkRequest): string {
  const verdict = links.check(method, key, query)
  if (verdict === 'valid') return safeKey(key)
  const message = verdict === 'expired' ? 'The link has expired' : 'The link is not valid'
  throw forbidden(message, { suggestedAction: 'Request a new link' })
}

/** Serves an object; `send` handles ranges, conditional requests and HEAD. */
function download(root: string, key: string, http: { req: Request; res: Response; disposition: string }) {
  const { req, res, disposition } = http
  return new Promise<void>((resolve, reject) => {
    res.setHeader('Cache-Control', 'private, no-cache')
    res.setHeader('Content-Disposition', disposition)
    res.on('close', resolve)
    send(req, `/${encodeURIComponent(key).replaceAll('%2F', '/')}`, {
      root: folders(root).objects,
      cacheControl: false,
      index: false,
      dotfiles: 'deny',
    })
      .on('error', (error: Error & { status?: number }) => {
        res.removeHeader('Content-Disposition')
        if (error.status === 416)
          reject(
            malformed('The requested range is outside the file', {
              status: 416,
              suggestedAction: 'Request a range inside the file',
            }),
          )
        else reject(error.status === 404 ? notFound('File') : error)
      })
      .pipe(res)
  })
}

async function receiveWhole(
  root: string,
  upload: { key: string; size: number; req: Request },
): Promise<string> {
  const at = folders(root)
  const draft = join(await ensureFolder(at.drafts), randomUUID())
  try {
    const etag = await receive(upload.req, upload.size, { path: draft, flags: 'wx', start: 0 })
    await place(draft, join(at.objects, upload.key), false)
    return etag
  } catch (error) {
    await rm(draft, { force: true })
    throw error
  }
}

async function receivePart(
  options: LinkRouteOptions,
  part: { upload: string; number: number; size: number; req: Request },
): Promise<string> {
  const { upload, number, size, req } = part
  const folder = join(folders(options.root).parts, safeKey(upload))
  const data = join(folder, 'data')
  if (!(await stat(data).catch(() => undefined))) throw notFound('Upload')
  const start = (number - 1) * options.partSize
  // A part that is sent again counts as missing until it is complete.
  await rm(join(folder, String(number)), { force: true })
  const etag = await receive(req, size, { path: data, flags: 'r+', start })
  const etagFile = join(folder, `${number}.${randomUUID()}`)
  await writeFile(etagFile, etag, { flush: true })
  await rename(etagFile, join(folder, String(number)))
  return etag
}

interface Target {
  path: string
  flags: 'wx' | 'r+'
  start: number
}

/** Streams exactly `size` bytes to a file and flushes them, with one chunk in memory at a time. @returns the etag */
async function receive(req: Request, size: number, { path, flags, start }: Target): Promise<string> {
  const file = await open(path, flags)
  try {
    const hash = createHash('sha256')
    let received = 0
    for await (const chunk of req as AsyncIterable<Buffer>) {
      const at = start + received
      received += chunk.length
      if (received > size) throw tooLarge('The body is larger than the link allows')
      hash.update(chunk)
      for (let done = 0; done < chunk.length; )
        done += (await file.write(chunk, done, chunk.length - done, at + done)).bytesWritten
      releaseMemory(chunk)
    }
    if (received < size)
      throw malformed('The body is smaller than the link requires', {
        suggestedAction: 'Send the whole file',
      })
    await file.sync()
    return `"${hash.digest('hex')}"`
  } finally {
    await file.close()
  }
}
