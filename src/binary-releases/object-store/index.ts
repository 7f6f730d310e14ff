import type { Readable } from 'node:stream'

/** What a store knows of an object. `etag` changes with every write, and is compared, never read. */
export interface ObjectHead {
  size: number
  etag: string
}

/** A write that must not replace what somebody else wrote meanwhile. */
export type Only = 'absent' | { etag: string }

export interface UploadedPart {
  number: number
  etag: string
}

/** A URL that does one thing to one object until it expires. */
export interface SignedLink {
  url: string
  expiresAt: Date
}

/**
 * Where files and metadata lie. Two implementations, one suite of tests: a bucket by the S3 protocol, and a folder.
 * Every call ends within a time limit of its own, or with the signal. @throws StoreUnreachable when the store does not
 * answer or refuses us; what a caller expects (nothing there, changed meanwhile) is a result.
 */
export interface ObjectStore {
  /** Up to which size a file goes up in one piece, and how big the parts of a larger one are. Bytes. */
  readonly limits: { singleUpload: number; part: number }
  /** Answers when the store is there and lets us in, with how far our clock is ahead of its own, in milliseconds. */
  probe(): Promise<{ aheadMs: number }>
  /** The whole of a small object; an object beyond `smallObject` reads as empty. `unchanged`: it still has the etag given. */
  read(
    key: string,
    given?: { etag: string },
  ): Promise<{ body: Buffer; etag: string } | 'unchanged' | undefined>
  head(key: string): Promise<ObjectHead | undefined>
  /** A large object piece by piece, as it is now. */
  stream(key: string, signal: AbortSignal): Promise<(ObjectHead & { body: Readable }) | undefined>
  write(
    key: string,
    object: { body: string; contentType: string; only?: Only },
  ): Promise<'written' | 'conflict'>
  /** Copies inside the store, if the source still has this etag. */
  copy(from: { key: string; etag: string }, to: string, signal: AbortSignal): Promise<'copied' | 'changed'>
  remove(key: string): Promise<void>
  /** Keys that begin with `prefix`, sorted, those after `after` only, at most 1000. */
  list(prefix: string, after?: string): Promise<string[]>

  /** Removes what broken uploads left behind in a store that does not do so itself. @returns how much. */
  tidy(): Promise<number>

  /** Computed without asking the store. The answer to it is a download under this file name. */
  linkToRead(key: string, filename: string): Promise<SignedLink>
  linkToWrite(key: string, size: number): Promise<SignedLink>
  startParts(key: string): Promise<string>
  linkToWritePart(key: string, part: { upload: string; number: number; size: number }): Promise<SignedLink>
  /** Joins the parts. `gone`: the store knows this upload no longer, or not with these parts. */
  joinParts(key: string, upload: string, parts: UploadedPart[]): Promise<'joined' | 'gone'>
  dropParts(key: string, upload: string): Promise<void>
}

/** How long a signed URL is good for, in seconds. */
export const linkSeconds = 900

/** Metadata is read into memory only up to this size, in bytes. */
export const smallObject = 1024 * 1024

/** The store does not answer, or refuses us. */
export class StoreUnreachable extends Error {
  override name = 'StoreUnreachable'
}

/** The header that makes browsers and `curl -OJ` save under this name; our names need no quoting. */
export const downloadName = (filename: string) => `attachment; filename="${filename}"`
