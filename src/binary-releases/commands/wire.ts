import { z } from 'zod'
import { metadataSchema } from '../catalogue/metadata.ts'

// The fields of API responses that the commands read; `--json` prints the other fields unchanged.

export const draftAnswer = z.looseObject({
  version: z.string(),
  state: z.string(),
  files: z.array(z.looseObject({ platform: z.string(), filename: z.string(), state: z.string() })),
})
export type DraftAnswer = z.output<typeof draftAnswer>

export const fileAnswer = z.looseObject({
  state: z.string(),
  upload: z
    .looseObject({
      url: z.string().nullable(),
      parts: z
        .array(
          z.looseObject({
            number: z.number(),
            offset: z.number(),
            size: z.number(),
            url: z.string().nullable(),
          }),
        )
        .nullable(),
    })
    .nullable(),
})
export type FileAnswer = z.output<typeof fileAnswer>

export const publishAnswer = z.looseObject({ version: z.string(), job_id: z.string() })

export const jobAnswer = z.looseObject({
  id: z.string(),
  state: z.string(),
  error: z.looseObject({ code: z.string().optional(), message: z.string().optional() }).nullable(),
})

export const progressData = z.looseObject({
  phase: z.string(),
  file: z.string().optional(),
  bytes: z.number().optional(),
  total: z.number().optional(),
})

export const promoteAnswer = z.looseObject({
  version: z.string(),
  channel: z.string(),
  previous: z.string().nullable(),
  job_id: z.string(),
})

export const yankAnswer = z.looseObject({
  version: z.string(),
  channels: z.array(
    z.looseObject({ channel: z.string(), version: z.string().nullable(), job_id: z.string() }),
  ),
})

export const listAnswer = z.looseObject({
  releases: z.array(
    z.looseObject({
      version: z.string(),
      channel: z.string().nullable(),
      released_at: z.string().nullable(),
      platforms: z.record(z.string(), z.string()),
      yanked: z.looseObject({ at: z.string(), reason: z.string() }).nullable(),
    }),
  ),
  next_cursor: z.string().nullable(),
})

export const releaseAnswer = metadataSchema.extend({
  yanked: z.looseObject({ at: z.string(), reason: z.string() }).optional(),
})

export const signatureAnswer = z.looseObject({
  key_id: z.string(),
  algorithm: z.string(),
  signature: z.string(),
})

export const keysAnswer = z.looseObject({
  keys: z.array(z.looseObject({ key_id: z.string(), public_key: z.string(), revoked: z.boolean() })),
})
