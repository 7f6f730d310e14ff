import type { Knex } from 'knex'
import { conflict, notFound } from '../../platform/errors.ts'
import type { Layout } from '../catalogue/layout.ts'
import { withStore } from '../errors.ts'
import type { ObjectStore, SignedLink, UploadedPart } from '../object-store/index.ts'
import {
  beginParts,
  type Declared,
  declareFile,
  findFile,
  markUploaded,
  recordParts,
  restartFile,
} from '../store/files.ts'
import { lockRelease, type Release, type ReleaseFile, updateRelease } from '../store/releases.ts'

/** One part of a large file; `link` is undefined once it has arrived. */
export interface PartToSend {
  number: number
  offset: number
  size: number
  link: SignedLink | undefined
}

export type Upload =
  | { kind: 'uploaded' }
  | { kind: 'whole'; link: SignedLink }
  | { kind: 'parts'; parts: PartToSend[] }

/** `by`: id of the uploading principal. `parts`: the parts that have arrived. */
export type UploadRequest = Declared & { by: string; parts: UploadedPart[] }

export interface UploadOptions {
  db: Knex
  store: ObjectStore
  layout: Layout
}

/**
 * Uploads of draft files into the store: the state of a file and links for its missing parts. A repeated request
 * after an interruption resumes the upload.
 */
export function createUploads({ db, store, layout }: UploadOptions) {
  async function declare(
    version: string,
    upload: UploadRequest,
  ): Promise<{ release: Release; file: ReleaseFile }> {
    return db.transaction(async (trx) => {
      const release = await lockRelease(trx, version)
      if (release === undefined) throw notFound('Draft')
      requireDraft(release, upload.by)
      if (!release.platforms.includes(upload.platform)) throw notFound('Platform in this draft')
      await declareFile(trx, version, upload)
      const { platform } = upload
      const before = await findFile(trx, version, platform)
      if (before !== undefined && before.uploadId !== null && upload.parts.length > 0)
        await recordParts(trx, version, { platform, attempt: before.attempt, parts: upload.parts })
      await updateRelease(trx, version, {})
      const file = await findFile(trx, version, platform)
      if (file === undefined) throw notFound('File')
      return { release, file }
    })
  }

  async function uploadWhole(version: string, key: string, file: ReleaseFile): Promise<Upload> {
    if ((await store.head(key))?.size !== file.size)
      return { kind: 'whole', link: await store.linkToWrite(key, file.size) }
    await markUploaded(db, version, file)
    return { kind: 'uploaded' }
  }

  async function uploadInParts(version: string, key: string, file: ReleaseFile): Promise<Upload | 'lost'> {
    const { platform, attempt } = file
    let { uploadId } = file
    if (uploadId === null) {
      uploadId = await store.startParts(key)
      if (!(await beginParts(db, version, { platform, attempt, uploadId }))) {
        await store.dropParts(key, uploadId)
        return 'lost'
      }
    }
    const upload = uploadId
    const pieces = piecesOf(file.size, store.limits.part)
    const arrived = pieces.flatMap(({ number }) => {
      const etag = file.parts[number]
      return etag === undefined ? [] : [{ number, etag }]
    })
    if (arrived.length < pieces.length) {
      const parts = await Promise.all(
        pieces.map(async (piece) => ({
          ...piece,
          link:
            file.parts[piece.number] === undefined
              ? await store.linkToWritePart(key, { upload, ...piece })
              : undefined,
        })),
      )
      return { kind: 'parts', parts }
    }
    // If the response to a join was lost, the upload is gone but the whole file exists.
    if (
      (await store.joinParts(key, upload, arrived)) === 'gone' &&
      (await store.head(key))?.size !== file.size
    ) {
      await restartFile(db, version, platform)
      return 'lost'
    }
    await markUploaded(db, version, file)
    return { kind: 'uploaded' }
  }

  return {
    /** @throws SYS_005 if the draft or platform does not exist, STATE_001 if the version is no longer a draft */
    async next(version: string, request: UploadRequest): Promise<Upload> {
      for (let tries = 0; tries < 3; tries++) {
        const { release, file } = await declare(version, tries === 0 ? request : { ...request, parts: [] })
        if (file.state === 'uploaded') return { kind: 'uploaded' }
        const key = layout.upload(release.id, file.platform, file.attempt)
        const single = file.size <= store.limits.singleUpload
        const upload = await withStore(() =>
          single ? uploadWhole(version, key, file) : uploadInParts(version, key, file),
        )
        if (upload !== 'lost') return upload
      }
      throw conflict('Another request uploads this file at the same time')
    },
  }
}

export type Uploads = ReturnType<typeof createUploads>

function piecesOf(size: number, part: number): { number: number; offset: number; size: number }[] {
  return Array.from({ length: Math.ceil(size / part) }, (_, index) => {
    const offset = index * part
    return { number: index + 1, offset, size: Math.min(part, size - offset) }
  })
}

/** @throws STATE_001 if the version is not a draft, or the draft belongs to another user */
export function requireDraft(release: Release, by: string): void {
  if (release.state !== 'draft')
    throw conflict('This version is published or being published and cannot be changed', {
      state: release.state,
      ...(release.jobId === null ? {} : { jobId: release.jobId }),
    })
  if (release.createdBy !== by) throw conflict('This draft belongs to another user')
}
