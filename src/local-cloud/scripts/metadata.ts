import { z } from 'zod'
import { assetsMetadata } from '../assets/schema.ts'
import { givenBinding, jsName } from './bindings/schema.ts'

/** The fields of an upload's `metadata` part. Unknown fields of its objects are rejected. */

export const bytes = (max: number) =>
  z.string().refine((text) => Buffer.byteLength(text) <= max, `must be at most ${max} bytes`)

const migrationStep = z.strictObject({
  new_classes: z.array(jsName).optional(),
  new_sqlite_classes: z.array(jsName).optional(),
  deleted_classes: z.array(jsName).optional(),
  renamed_classes: z.array(z.strictObject({ from: jsName, to: jsName })).optional(),
})
export type MigrationStep = z.infer<typeof migrationStep>

const tags = { old_tag: z.string().max(255).optional(), new_tag: z.string().min(1).max(255).optional() }
const givenMigrations = z.union([
  z.strictObject({ ...tags, steps: z.array(migrationStep) }),
  z.strictObject({ ...tags, ...migrationStep.shape }),
])
export type GivenMigrations = z.infer<typeof givenMigrations>

const observability = z.looseObject({ enabled: z.boolean() }).nullable()

/** The body of `script-settings`. The settings are not versioned and do not affect how a Worker runs here. */
export const scriptSettings = z.strictObject({
  logpush: z.boolean().optional(),
  observability: observability.optional(),
  tags: z.array(z.string()).nullable().optional(),
  tail_consumers: z
    .array(
      z.strictObject({
        service: z.string(),
        environment: z.string().optional(),
        namespace: z.string().optional(),
      }),
    )
    .nullable()
    .optional(),
})
export type ScriptSettings = z.infer<typeof scriptSettings>

/** Settings of a version. `limits.cpu_ms` is enforced; the others have no meaning on one machine and are shown only. */
export const versionSettings = z.object({
  limits: z
    .strictObject({ cpu_ms: z.number().min(1).max(300_000).optional(), subrequests: z.number().optional() })
    .optional(),
  placement: z.looseObject({}).optional(),
  cache_options: z
    .strictObject({ enabled: z.boolean(), cross_version_cache: z.boolean().optional() })
    .optional(),
  streaming_tail_consumers: z
    .array(z.looseObject({ service: z.string() }))
    .nullable()
    .optional(),
})

const containerEntry = z.strictObject({
  name: z.string().optional(),
  class_name: jsName.optional(),
  images: z.record(z.string(), z.string()).optional(),
})

/**
 * Controls when running Durable Objects get new code. wrangler always sends it; the local cloud updates all of them at
 * once.
 */
export const codeUpdateStrategy = z.strictObject({ mode: z.string(), max_delay: z.number().optional() })

export const uploadMetadata = z.object({
  main_module: z
    .string()
    .transform((name) => name.replace(/^\.\//, ''))
    .optional(),
  assets: assetsMetadata.optional(),
  compatibility_date: z.iso.date().optional(),
  compatibility_flags: z.array(z.string()).optional(),
  bindings: z.array(givenBinding).optional(),
  keep_bindings: z.array(z.string()).optional(),
  migrations: givenMigrations.optional(),
  annotations: z
    .strictObject({
      'workers/message': bytes(1000).optional(),
      'workers/tag': bytes(100).optional(),
      'workers/commit_sha': bytes(64).optional(),
    })
    .optional(),
  containers: z.array(containerEntry).optional(),
  ...scriptSettings.shape,
  ...versionSettings.shape,
  usage_model: z.enum(['standard', 'bundled', 'unbound']).optional(),
  // Accepted and ignored: these fields have no meaning on one machine.
  keep_assets: z.boolean().optional(),
  code_update_strategy: codeUpdateStrategy.optional(),
  package_dependencies: z.array(z.looseObject({ name: z.string() })).optional(),
})
export type UploadMetadata = z.infer<typeof uploadMetadata>

/** Settings that change what a Worker is. They can't be ignored. */
const refused = z.looseObject({
  exports: z.undefined('declarative exports are not supported by the local cloud: use migrations').optional(),
  body_part: z.undefined('only ES modules are supported: name the entry in main_module').optional(),
})

/** The metadata with the names of unknown settings, which `unsafe.metadata` of a project may contain. */
export const givenMetadata = refused.transform((given, context) => {
  const parsed = uploadMetadata.safeParse(given)
  if (parsed.success) {
    const unknownSettings = Object.keys(given).filter((name) => !Object.hasOwn(uploadMetadata.shape, name))
    return { metadata: parsed.data, unknownSettings }
  }
  for (const { path, message } of parsed.error.issues) context.addIssue({ code: 'custom', path, message })
  return z.NEVER
})
