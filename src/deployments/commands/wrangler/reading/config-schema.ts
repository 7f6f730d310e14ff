import { z } from 'zod'

// The keys of a flattened wrangler configuration that Capstan reads itself. wrangler has checked them; the types are loose,
// because each version has more keys.

const text = z.string()
const listOf = <S extends z.ZodType>(each: S) =>
  z
    .array(each)
    .nullish()
    .transform((list) => list ?? [])

const route = z.union([
  text,
  z.looseObject({ pattern: text, custom_domain: z.boolean().optional(), enabled: z.boolean().optional() }),
])

const consumer = z.looseObject({
  queue: text,
  type: text.optional(),
  dead_letter_queue: text.optional(),
  max_batch_size: z.number().optional(),
  /** In seconds. */
  max_batch_timeout: z.number().optional(),
  max_retries: z.number().optional(),
  max_concurrency: z.number().nullish(),
  retry_delay: z.number().optional(),
})

export const wranglerConfig = z.looseObject({
  name: text.optional(),
  topLevelName: text.nullish(),
  main: text.optional(),
  configPath: text,
  userConfigPath: text.nullish(),
  account_id: text.nullish(),
  routes: listOf(route),
  route: route.nullish(),
  workers_dev: z.boolean().nullish(),
  preview_urls: z.boolean().nullish(),
  triggers: z.looseObject({ crons: z.array(text).nullish() }).nullish(),
  assets: z.looseObject({ directory: text.optional(), binding: text.optional() }).nullish(),
  migrations: listOf(z.looseObject({ tag: text })),
  keep_vars: z.boolean().nullish(),
  secrets: z.looseObject({ required: listOf(text) }).nullish(),
  kv_namespaces: listOf(z.looseObject({ binding: text, id: text.optional() })),
  r2_buckets: listOf(
    z.looseObject({ binding: text, bucket_name: text.optional(), jurisdiction: text.optional() }),
  ),
  d1_databases: listOf(
    z.looseObject({
      binding: text,
      database_id: text.optional(),
      database_name: text.optional(),
      migrations_dir: text.optional(),
      migrations_table: text.optional(),
      migrations_pattern: text.optional(),
    }),
  ),
  queues: z
    .looseObject({
      producers: listOf(z.looseObject({ binding: text, queue: text })),
      consumers: listOf(consumer),
    })
    .nullish(),
  workflows: listOf(
    z.looseObject({ binding: text, name: text, class_name: text, script_name: text.optional() }),
  ),
  dispatch_namespaces: listOf(z.looseObject({ binding: text, namespace: text })),
  containers: listOf(
    z.looseObject({
      class_name: text,
      image: text.optional(),
      instance_type: z.unknown().optional(),
      max_instances: z.number().optional(),
    }),
  ),
})
export type WranglerConfig = z.output<typeof wranglerConfig>
