import { isAscii } from 'node:buffer'
import { hash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'

/** A body made beforehand. */
export interface Prepared {
  body: Buffer
  /** The same where it is short and plain: Node sends a text and its head as one, and bytes as two. */
  text: string | undefined
  contentType: string
  /** With its quotes. */
  etag: string
}

const shortBytes = 4096

/** @param contentType with its charset, if it has one */
export function prepare(body: string | Buffer, contentType: string): Prepared {
  const bytes = typeof body === 'string' ? Buffer.from(body) : body
  const text = bytes.length <= shortBytes && isAscii(bytes) ? bytes.toString('latin1') : undefined
  return { body: bytes, text, contentType, etag: `"${hash('sha1', bytes, 'base64url')}"` }
}

/** True when the client says that it has this body already (RFC 9110, 13.1.2). */
export function isKnown({ etag }: Prepared, { method, headers }: IncomingMessage): boolean {
  const given = headers['if-none-match']
  if (given === undefined || (method !== 'GET' && method !== 'HEAD')) return false
  if (given.trim() === '*') return true
  const bare = (tag: string) => tag.trim().replace(/^W\//, '')
  return given.split(',').some((tag) => bare(tag) === bare(etag))
}
