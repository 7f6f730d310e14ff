import type { Readable } from 'node:stream'

/** Size and etag of an object. The etag changes with every write; it is opaque and only compared. */
export interface ObjectHead {
  size: number
  etag: string
}

/** The condition of a write that must not replace a concurrent write. */
export type WriteCondition = 'absent' | { etag: string }

export interface UploadedPart {
  number: number
  etag: string
}

/** A URL that allows one operation on one object until it expires. */
export interface SignedLink {
  url: string
  expiresAt: Date
}

/**
 * The storage of files and metadata. Two implementations share one test suite: a bucket with the S3 protocol, and a
 * folder. Every call has its own time limit or ends with the signal. Expected outcomes (no such object, changed
 * meanwhile) are results. @throws StoreUnreachable if the store does not answer or refuses the credentials
 */
export interface ObjectStore {
  /** The maximum size of a file uploaded in one piece, and the part size of larger files, in bytes. */
  readonly limits: { singleUpload: number; part: number }
  /** Checks access to the store. @returns how far this process's clock is ahead of the store's, in milliseconds */
  probe(): Promise<{ aheadMs: number }>
  /** A whole small object; an object larger than `smallObject` reads as empty. `unchanged`: the etag still matches. */
  read(
    key: string,
    condition?: { etag: string },
  ): Promise<{ body: Buffer; etag: string } | 'unchanged' | undefined>
  head(key: string): Promise<ObjectHead | undefined>
  /** Streams the current version of a large object. */
  stream(key: string, signal: AbortSignal): Promise<(ObjectHead & { body: Readable }) | undefined>
  write(
    key: string,
    object: { body: string; contentType: string; only?: WriteCondition },
  ): Promise<'written' | 'conflict'>
  /** Copies within the store, if the source still has this etag. */
  copy(from: { key: string; etag: string }, to: string, signal: AbortSignal): Promise<'copied' | 'changed'>
  remove(key: string): Promise<void>
  /** The sorted keys with this prefix that follow `after`, at most 1000. */
  list(prefix: string, after?: string): Promise<string[]>

  /** Removes remains of interrupted uploads, in a store without its own lifecycle rules. @returns the number removed */
  tidy(): Promise<number>

  /** A link computed without a request to the store. Its response is a download with this file name. */
  linkToRead(key: string, filename: string): Promise<SignedLink>
  linkToWrite(key: string, size: number): Promise<SignedLink>
  startParts(key: string): Promise<string>
  linkToWritePart(key: string, part: { upload: string; number: number; size: number }): Promise<SignedLink>
  /** Joins the parts. `gone`: the upload no longer exists in the store, or not with these parts. */
  joinParts(key: string, upload: string, parts: UploadedPart[]): Promise<'joined' | 'gone'>
  dropParts(key: string, upload: string): Promise<void>
}

/** Lifetime of a signed URL, in seconds. */
export const linkSeconds = 900

/** Maximum size of metadata read into memory, in bytes. */
export const smallObject = 1024 * 1024

/** The store does not answer, or refuses the credentials. */
export class StoreUnreachable extends Error {
  override name = 'StoreUnreachable'
}

/** The `Content-Disposition` that sets the name for browsers and `curl -OJ`; our file names need no quoting. */
export const downloadName = (filename: string) => `attachment; filename="${filename}"`
