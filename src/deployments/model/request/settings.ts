import { z } from 'zod'

/** Fields of the upload's metadata that Capstan writes itself, with the part of the request that they come from. */
const ownFields: Record<string, string> = {
  annotations: 'is written by Capstan, which recognises its versions by it',
  assets: 'belongs into config.assets',
  bindings: 'belongs into config.bindings',
  body_part: 'only ES modules can be deployed',
  compatibility_date: 'belongs into config.compatibility',
  compatibility_flags: 'belongs into config.compatibility',
  containers: 'belongs into config.container',
  exports: 'belongs into config.exports',
  keep_assets: 'omit config.assets to keep the static files',
  keep_bindings: 'belongs into config.keepVars',
  main_module: 'is the first module',
  migrations: 'belongs into config.classMigrations',
}

/** Settings that belong to the script as opposed to its versions. */
const scriptFields = ['logpush', 'observability', 'tags', 'tail_consumers']
const versionFields = ['cache_options', 'limits', 'placement', 'streaming_tail_consumers']

function fieldsWithout(refused: Record<string, string>) {
  return z.record(z.string().min(1).max(100), z.unknown()).superRefine((given, context) => {
    for (const name of Object.keys(given)) {
      const message = Object.hasOwn(refused, name) ? refused[name] : undefined
      if (message !== undefined) context.addIssue({ code: 'custom', path: [name], message, input: undefined })
    }
  })
}

const listed = (names: string[], problem: string) => Object.fromEntries(names.map((name) => [name, problem]))
const ofScript = listed(scriptFields, 'belongs into config.scriptSettings')
const ofVersion = listed(versionFields, 'belongs into config.versionSettings')

/** Settings of a version, with Cloudflare's names. */
export const versionSettings = fieldsWithout({ ...ownFields, ...ofScript })

/** Further fields of the upload's metadata, which are passed through. */
export const metadata = fieldsWithout({ ...ownFields, ...ofScript, ...ofVersion })

/** Settings of the script. Omitted ones do not change. */
export const scriptSettings = z.strictObject({
  observability: z.looseObject({ enabled: z.boolean().optional() }).nullable().optional(),
  logpush: z.boolean().optional(),
  tail_consumers: z
    .array(z.looseObject({ service: z.string().min(1).max(255) }))
    .max(100)
    .nullable()
    .optional(),
  tags: z.array(z.string().min(1).max(255)).max(100).nullable().optional(),
})
