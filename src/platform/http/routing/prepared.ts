import { isAscii } from 'node:buffer'
import { hash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'

/** A body serialized in advance. */
export interface Prepared {
  body: Buffer
  /** A small ASCII body, written together with the head, which saves a system call. */
  text?: string
  contentType: string
  /** The entity tag with its quotes. */
  etag: string
}

const smallBytes = 16 * 1024

/** @param contentType including the charset, if any */
export function prepare(body: string | Buffer, contentType: string): Prepared {
  const bytes = typeof body === 'string' ? Buffer.from(body) : body
  const prepared = { body: bytes, contentType, etag: `"${hash('sha1', bytes, 'base64url')}"` }
  return bytes.length <= smallBytes && isAscii(bytes)
    ? { ...prepared, text: bytes.toString('latin1') }
    : prepared
}

/** True if `If-None-Match` matches the body (RFC 9110, 13.1.2). */
export function isNotModified({ etag }: Prepared, { method, headers }: IncomingMessage): boolean {
  const given = headers['if-none-match']
  if (given === undefined || (method !== 'GET' && method !== 'HEAD')) return false
  if (given.trim() === '*') return true
  const bare = (tag: string) => tag.trim().replace(/^W\//, '')
  return given.split(',').some((tag) => bare(tag) === bare(etag))
}
