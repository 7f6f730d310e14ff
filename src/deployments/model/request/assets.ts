import { z } from 'zod'
import { digest, hasControls, line, unique } from './names.ts'

// Cloudflare's limits on a paid plan.
const maxFiles = 100_000
const maxFileBytes = 25 * 1024 * 1024

const path = z
  .string()
  .max(1024)
  .refine((text) => text.startsWith('/') && text.length > 1, 'expected a path that starts with /')
  .refine(
    (text) => !text.split('/').some((part) => part === '..' || part === '.'),
    'must not contain . or ..',
  )
  .refine((text) => !hasControls(text), 'must not contain control characters')

const file = z.strictObject({
  /** The path in the URL before it is encoded. */
  path,
  digest,
  /** In bytes. */
  size: z.number().int().min(0).max(maxFileBytes),
  contentType: line(255).nullable(),
})
export type AssetFile = z.output<typeof file>

const runWorkerFirst = z.union([z.boolean(), z.array(z.string().min(1).max(100)).max(100)], {
  error: 'expected true, false, or at most 100 rules of at most 100 characters',
})
const rules = z.string().max(1024 * 1024)

const assetConfig = z
  .looseObject({
    html_handling: z
      .enum(['auto-trailing-slash', 'force-trailing-slash', 'drop-trailing-slash', 'none'])
      .optional(),
    not_found_handling: z.enum(['none', '404-page', 'single-page-application']).optional(),
    base_path: z.string().max(1024).optional(),
    run_worker_first: runWorkerFirst.optional(),
    /** The text of the files `_headers` and `_redirects`. */
    _headers: rules.optional(),
    _redirects: rules.optional(),
  })
  .default({})

export type AssetConfig = z.output<typeof assetConfig>

/** The static files of an app, whose bytes were sent before as blobs. */
export const assets = z.strictObject({
  files: z.array(file).max(maxFiles).refine(unique('path'), 'has a path twice'),
  config: assetConfig,
})
