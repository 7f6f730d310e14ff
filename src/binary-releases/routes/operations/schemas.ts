import { z } from 'zod'
import { count, jobLinks, time } from '../../../platform/operations/index.ts'
import { channels } from '../../catalogue/metadata.ts'

const channel = z.enum(channels)
const sha256 = z.string()
const platforms = z.record(z.string(), z.string()).describe('The SHA-256 of each platform’s file')
const yank = z.strictObject({ at: time, reason: z.string() }).meta({ id: 'ReleaseYank' })

/** As in the bucket: publishers other than Capstan may have added fields. */
export const metadata = z
  .looseObject({
    version: z.string(),
    channel: z.string(),
    released_at: z.string(),
    platforms,
    yanked: yank.optional().describe('Present if the release was withdrawn'),
    stale: z
      .literal(true)
      .optional()
      .describe('Present if the store did not answer and this is an older copy'),
  })
  .meta({ id: 'ReleaseMetadata' })

const listed = z
  .strictObject({
    version: z.string(),
    channel: z.string().nullable(),
    released_at: z.string().nullable(),
    platforms,
    notes: z.string().nullable(),
    yanked: yank.nullable(),
    unreadable: z.literal(true).optional(),
  })
  .meta({ id: 'ListedRelease' })
export const list = z
  .strictObject({ releases: z.array(listed), next_cursor: z.string().nullable() })
  .meta({ id: 'ReleaseList' })

export const update = z
  .strictObject({
    version: z.string(),
    channel: z.string(),
    released_at: z.string(),
    platform: z.string(),
    sha256,
    download: z.string().describe('The path of the download'),
  })
  .meta({ id: 'ReleaseUpdate' })

export const keys = z
  .strictObject({
    keys: z.array(
      z.strictObject({
        key_id: z.string(),
        algorithm: z.literal('Ed25519'),
        public_key: z.string(),
        current: z.boolean().describe('The key that signs new releases'),
        revoked: z.boolean(),
      }),
    ),
  })
  .meta({ id: 'SigningKeyList' })

export const signature = z
  .strictObject({
    version: z.string(),
    key_id: z.string(),
    algorithm: z.literal('Ed25519'),
    signature: z.string(),
  })
  .meta({ id: 'ReleaseSignature' })

export const downloads = z
  .strictObject({
    version: z.string(),
    links: z.record(z.string(), count).describe('The issued links, by platform'),
  })
  .meta({ id: 'ReleaseDownloads' })

export const download = z
  .strictObject({
    platform: z.string(),
    version: z.string(),
    download_url: z.string(),
    expires_in_seconds: count,
    filename: z.string(),
    size: count.nullable().describe('Null if it is unknown: another publisher did not record it'),
    sha256,
    expires_at: time,
  })
  .meta({ id: 'DownloadLink' })

export const draft = z
  .strictObject({
    version: z.string(),
    channel,
    state: z.enum(['draft', 'publishing', 'sealed', 'published']),
    notes: z.string().nullable(),
    error: z.strictObject({ code: z.string(), message: z.string() }).nullable(),
    job_id: z.uuid().nullable(),
    created_at: time,
    files: z.array(
      z.strictObject({
        platform: z.string(),
        filename: z.string(),
        state: z.enum(['missing', 'pending', 'uploaded']),
        size: count.nullable(),
        sha256: sha256.nullable(),
      }),
    ),
  })
  .meta({ id: 'ReleaseDraft' })

const link = { url: z.string().nullable(), expires_at: time.nullable() }
export const upload = z
  .strictObject({
    platform: z.string(),
    size: count,
    sha256,
    state: z.enum(['pending', 'uploaded']),
    upload: z
      .strictObject({
        method: z.literal('PUT'),
        ...link,
        parts: z
          .array(z.strictObject({ number: z.int().min(1), offset: count, size: count, ...link }))
          .nullable()
          .describe('For a large file: its parts; a part without `url` has arrived'),
      })
      .nullable()
      .describe('Null once the file has arrived'),
  })
  .meta({ id: 'FileUpload' })

const job = { job_id: z.uuid(), links: jobLinks }
export const publication = z
  .strictObject({ version: z.string(), state: z.literal('publishing'), ...job })
  .meta({ id: 'StartedPublication' })
export const promotion = z
  .strictObject({ version: z.string(), channel, previous: z.string().nullable(), ...job })
  .meta({ id: 'Promotion' })
export const withdrawal = z
  .strictObject({
    version: z.string(),
    yanked: yank,
    channels: z
      .array(z.strictObject({ channel, version: z.string().nullable(), ...job }))
      .describe('The channels that now point to another version'),
  })
  .meta({ id: 'Withdrawal' })
