import { isAscii } from 'node:buffer'
import { hash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'

/** A body made beforehand. */
export interface Prepared {
  body: Buffer
  /** A small body of ASCII: written in one piece with the head, which spares a system call's worth of work. */
  text?: string
  contentType: string
  /** With its quotes. */
  etag: string
}

const smallBytes = 16 * 1024

/** @param contentType with its charset, if it has one */
export function prepare(body: string | Buffer, contentType: string): Prepared {
  const bytes = typeof body === 'string' ? Buffer.from(body) : body
  const prepared = { body: bytes, contentType, etag: `"${hash('sha1', bytes, 'base64url')}"` }
  return bytes.length <= smallBytes && isAscii(bytes)
    ? { ...prepared, text: bytes.toString('latin1') }
    : prepared
}

/** True when the client says that it has this body already (RFC 9110, 13.1.2). */
export function isKnown({ etag }: Prepared, { method, headers }: IncomingMessage): boolean {
  const given = headers['if-none-match']
  if (given === undefined || (method !== 'GET' && method !== 'HEAD')) return false
  if (given.trim() === '*') return true
  const bare = (tag: string) => tag.trim().replace(/^W\//, '')
  return given.split(',').some((tag) => bare(tag) === bare(etag))
}
