import { z } from 'zod'

export const channels = ['stable', 'beta'] as const
export type Channel = (typeof channels)[number]

/** The metadata of a release in the bucket. Additional fields of older publishers are kept. */
export const metadataSchema = z.looseObject({
  version: z.string(),
  channel: z.string(),
  released_at: z.string(),
  /** SHA-256 by platform. */
  platforms: z.record(z.string(), z.string()),
})
export type Metadata = z.output<typeof metadataSchema>

export const signatureSchema = z.object({
  key_id: z.string(),
  algorithm: z.literal('Ed25519'),
  signature: z.string(),
})
export type Signature = z.output<typeof signatureSchema>

/** Parses JSON. @returns undefined if the body is not JSON of this shape */
export function parseAs<S extends z.ZodType>(schema: S, body: Buffer): z.output<S> | undefined {
  try {
    return schema.safeParse(JSON.parse(textOf(body))).data
  } catch {
    return undefined
  }
}

/** Decodes by the byte order mark that some editors and shells write, which also identifies UTF-16. */
function textOf(body: Buffer): string {
  const mark = body.subarray(0, 2).toString('hex')
  const encoding = mark === 'fffe' ? 'utf-16le' : mark === 'feff' ? 'utf-16be' : 'utf-8'
  return new TextDecoder(encoding).decode(body)
}
