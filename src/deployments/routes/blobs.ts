import type { Knex } from 'knex'
import { z } from 'zod'
import { requirePrincipal } from '../../platform/auth.ts'
import { invalidRequest, tooLarge, unsupportedMediaType } from '../../platform/errors.ts'
import { type Route, route } from '../../platform/http/index.ts'
import { digest } from '../model/request/names.ts'
import { type BlobQuota, BlobTooLarge, findBlobSizes, writeBlob } from '../store/index.ts'
import { operation } from './operation.ts'
import { success } from './success.ts'

/** The limit of a module, which is the largest kind of content; a script has the same limit. */
const maxBlobBytes = 64 * 1024 * 1024
const maxDigests = 10_000

const missingBody = z.strictObject({ digests: z.array(digest).max(maxDigests) })
const blobParams = z.object({ digest })

/** The routes by which clients send modules, static files and database migrations before they prepare a plan. */
export function blobRoutes({ db, quota }: { db: Knex; quota: BlobQuota }): Route[] {
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
      async handle({ params, req, principal }) {
        if (req.is('application/octet-stream') === false || req.headers['content-encoding'] !== undefined)
          throw unsupportedMediaType('Send the bytes as application/octet-stream, without an encoding')
        const announced = Number(req.headers['content-length'] ?? maxBlobBytes)
        if (announced > maxBlobBytes) throw blobTooLarge()
        const { id: createdBy } = requirePrincipal(principal)
        const done = await quota.admit(createdBy, announced)
        let written = false
        try {
          written = await writeBlob(db, params.digest, { content: req, limit: maxBlobBytes, createdBy })
          if (written) return { status: 201, body: { digest: params.digest } }
        } catch (error) {
          throw error instanceof BlobTooLarge ? blobTooLarge() : error
        } finally {
          done(written)
        }
        throw invalidRequest('path', [{ path: 'digest', problem: 'is not the SHA-256 of the body' }])
      },
    }),
  ]
}

const blobTooLarge = () => tooLarge(`A blob has at most ${maxBlobBytes} bytes`)
