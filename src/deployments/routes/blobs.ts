import type { Knex } from 'knex'
import { z } from 'zod'
import { invalidRequest, tooLarge, unsupportedMediaType } from '../../platform/errors.ts'
import { type Route, route } from '../../platform/http/index.ts'
import { digest } from '../model/request/names.ts'
import { BlobTooLarge, findBlobSizes, writeBlob } from '../store/index.ts'
import { operation } from './operation.ts'
import { success } from './success.ts'

/** The limit of a module, which is the largest kind of content; a script has the same limit. */
const maxBlobBytes = 64 * 1024 * 1024
const maxDigests = 10_000

const missingBody = z.strictObject({ digests: z.array(digest).max(maxDigests) })
const blobParams = z.object({ digest })

/** The routes by which clients send modules, static files and database migrations before they prepare a plan. */
export function blobRoutes({ db }: { db: Knex }): Route[] {
  return [
    route({
      ...operation('findMissingBlobs'),
      wrap: success,
      method: 'post',
      path: '/deploy/blobs/missing',
      access: 'deployments:write',
      body: missingBody,
      bodyLimit: 1024 * 1024,
      async handle({ body }) {
        const present = await findBlobSizes(db, body.digests)
        const missing = [...new Set(body.digests)].filter((each) => !present.has(each))
        return { body: { missing }, headers: { 'Cache-Control': 'no-store' } }
      },
    }),
    route({
      ...operation('uploadBlob'),
      wrap: success,
      method: 'put',
      path: '/deploy/blobs/:digest',
      access: 'deployments:write',
      // An app can have thousands of static files, and each is one request.
      limit: 'none',
      params: blobParams,
      async handle({ params, req }) {
        if (req.is('application/octet-stream') === false || req.headers['content-encoding'] !== undefined)
          throw unsupportedMediaType('Send the bytes as application/octet-stream, without an encoding')
        if (Number(req.headers['content-length'] ?? 0) > maxBlobBytes) throw blobTooLarge()
        try {
          const written = await writeBlob(db, params.digest, { content: req, limit: maxBlobBytes })
          if (written) return { status: 201, body: { digest: params.digest } }
        } catch (error) {
          throw error instanceof BlobTooLarge ? blobTooLarge() : error
        }
        throw invalidRequest('path', [{ path: 'digest', problem: 'is not the SHA-256 of the body' }])
      },
    }),
  ]
}

const blobTooLarge = () => tooLarge(`A blob has at most ${maxBlobBytes} bytes`)
