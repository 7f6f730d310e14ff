import { z } from 'zod'
import { digitsProblem } from '../../platform/hexadecimal.ts'
import { channels } from '../catalogue/metadata.ts'
import { isVersion } from '../catalogue/versions.ts'

export const version = z
  .string()
  .max(200, 'expected a version')
  .refine(isVersion, 'expected YYYY.MM.DD, YYYY.MM.DD.N or a semantic version')
export const channel = z.enum(channels)
const sha256 = z.string().regex(/^[0-9a-f]{64}$/, {
  error: ({ input }) => digitsProblem(String(input), 64, 'expected 64 hexadecimal digits in lower case'),
})

/** A platform that this installation serves. */
export const platformOf = (platforms: string[]) =>
  z.string().refine((name) => platforms.includes(name), `expected one of ${platforms.join(', ')}`)

export const versionParams = z.object({ version })

// Queries of the CCO Releases API: unknown parameters of old clients are ignored.
export const latestQuery = z.object({ channel: channel.default('stable') })
export const downloadQuery = z.object({
  redirect: z
    .enum(['0', '1', 'false', 'true'])
    .default('0')
    .transform((text) => text === '1' || text === 'true'),
})

export const listQuery = z.strictObject({
  channel: channel.optional(),
  cursor: z.string().max(200).optional(),
  limit: z.coerce.number().int().min(1).max(100).default(20),
})
export const updatesQuery = (platforms: string[]) =>
  z.strictObject({ channel: channel.default('stable'), current: version, platform: platformOf(platforms) })

const maxFileBytes = 5 * 1024 ** 3

export const draftBody = (platforms: string[]) =>
  z.strictObject({
    version,
    channel,
    platforms: z
      .array(platformOf(platforms))
      .min(1)
      .max(100)
      .refine((list) => new Set(list).size === list.length, 'expected each platform once')
      .optional(),
    notes: z.string().max(100_000).optional(),
  })

export const fileBody = (platforms: string[]) =>
  z.strictObject({
    platform: platformOf(platforms),
    /** At most the limit of a single copy within an S3 store. */
    size: z.number().int().min(1).max(maxFileBytes),
    sha256,
    /** The arrived parts of a file in parts, with the `ETag` of the store's response. */
    parts: z
      .array(
        z.strictObject({
          number: z.number().int().min(1).max(10_000),
          etag: z.string().regex(/^"?[\x21\x23-\x7e]{1,200}"?$/, 'expected the ETag of a part'),
        }),
      )
      .max(10_000)
      .optional(),
  })

export const promoteBody = z.strictObject({ channel })
export const yankBody = z.strictObject({ reason: z.string().trim().min(1).max(500) })
