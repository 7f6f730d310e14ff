import { z } from 'zod'

/** Cloudflare's limits. Its free plan allows 20,000 files. */
const maxFiles = 100_000
export const maxFileBytes = 25 * 1024 * 1024
const maxRules = 100
const maxRuleLength = 100

const hash = z.string().regex(/^[0-9a-f]{32}$/, 'must be 32 lower-case hex digits')
const size = z.int().min(0).max(maxFileBytes, `must be at most ${maxFileBytes}: a file may have 25 MiB`)
const maxPathLength = 1024

const isPath = (path: string) => path.startsWith('/') && path.length <= maxPathLength

/** The body of a new upload session. */
export const sessionBody = z.strictObject({
  manifest: z
    .record(z.string(), z.strictObject({ hash, size }))
    .refine((files) => Object.keys(files).length <= maxFiles, `must have at most ${maxFiles} files`)
    .refine((files) => Object.keys(files).every(isPath), 'each path must begin with a slash'),
})

const rule = z.string().max(maxRuleLength).regex(/^!?\//, 'must begin with / or !/')
const runWorkerFirst = z.union([z.boolean(), z.array(rule).min(1).max(maxRules)])

/** `metadata.assets.config` of an upload. */
export const assetConfig = z.strictObject({
  html_handling: z
    .enum(['auto-trailing-slash', 'force-trailing-slash', 'drop-trailing-slash', 'none'])
    .optional(),
  not_found_handling: z.enum(['single-page-application', '404-page', 'none']).optional(),
  run_worker_first: runWorkerFirst.optional(),
  base_path: z.string().max(256).nullable().optional(),
  serve_directly: z.boolean().optional(),
  _headers: z.string().optional(),
  _redirects: z.string().optional(),
})
export type AssetConfig = z.infer<typeof assetConfig>

/** `metadata.assets` of an upload. The token is left out with `keep_assets`. */
export const assetsMetadata = z.strictObject({ jwt: z.string().optional(), config: assetConfig.optional() })
