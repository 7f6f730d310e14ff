import { z } from 'zod'

/** The request bodies of the containers API. Unknown fields are rejected. */

const instanceTypes = ['lite', 'basic', 'standard-1', 'standard-2', 'standard-3', 'standard-4'] as const

const text = z.string().min(1).max(4096)
const observability = z.strictObject({ logs: z.strictObject({ enabled: z.boolean() }).optional() })
const constraints = z.strictObject({
  regions: z.array(text).optional(),
  jurisdiction: text.optional(),
  // Undocumented fields that wrangler sends.
  tier: z.number().int().optional(),
  tiers: z.array(z.number().int()).optional(),
  cities: z.array(text).optional(),
})

const settings = {
  authorized_keys: z.array(z.strictObject({ name: text.optional(), public_key: text })).optional(),
  command: z.array(text).optional(),
  entrypoint: z.array(text).optional(),
  environment_variables: z.array(z.strictObject({ name: text, value: z.string() })).optional(),
  observability: observability.optional(),
  wrangler_ssh: z.strictObject({ enabled: z.boolean(), port: z.number().int().optional() }).optional(),
}
const size = {
  instance_type: z.enum(instanceTypes).optional(),
  vcpu: z.number().positive().optional(),
  memory_mib: z.number().int().positive().optional(),
  disk: z.strictObject({ size_mb: z.number().int().positive() }).optional(),
}
const configuration = z.strictObject({ image: text, ...size, ...settings })
export type Configuration = z.output<typeof configuration>

const count = z.number().int().min(0).max(100_000)
const limits = {
  max_instances: count,
  constraints: constraints.optional(),
  observability: observability.optional(),
  rollout_active_grace_period: z.number().int().min(0).optional(),
}

export const createBody = z.strictObject({
  name: z.string().regex(/^[A-Za-z0-9][\w.-]{0,253}$/, 'must be a name of letters, digits and . _ -'),
  instances: count,
  scheduling_policy: z.literal('default', 'only the policy "default" is supported'),
  configuration,
  durable_objects: z.union([
    z.strictObject({ namespace_id: text }),
    z.strictObject({ script_name: text, class_name: text }),
  ]),
  ...limits,
})
export type CreateBody = z.output<typeof createBody>

/** The body of a PATCH. wrangler sends the image and the size, too, although only a rollout changes them. */
export const editBody = z
  .strictObject({
    ...limits,
    configuration: configuration.partial(),
    instances: count,
    scheduling_policy: z.literal('default'),
  })
  .partial()
export type EditBody = z.output<typeof editBody>

const percentage = z.number().int().min(1).max(100)
export const rolloutBody = z.strictObject({
  description: z.string().max(1000),
  strategy: z.enum(['rolling', 'new_instances']),
  target_configuration: configuration.partial(),
  kind: z.enum(['full_auto', 'full_manual']).default('full_auto'),
  step_percentage: z.literal([5, 10, 20, 25, 50, 100]).optional(),
  steps: z
    .array(z.strictObject({ step_size: z.strictObject({ percentage }), description: z.string() }))
    .min(1)
    .max(100)
    .optional(),
})
export type RolloutBody = z.output<typeof rolloutBody>

export const rolloutAction = z.strictObject({ action: z.enum(['next', 'previous', 'revert']) })

export const registryBody = z.strictObject({
  domain: z.string().regex(/^[a-z0-9.-]+(:\d+)?$/, 'must be a host name'),
  kind: z.enum(['ECR', 'DockerHub', 'GAR']),
  auth: z.strictObject({
    public_credential: text,
    private_credential: z.strictObject({ store_id: text, secret_name: text }),
  }),
  is_public: z.literal(false).optional(),
})

export const credentialsBody = z.strictObject({
  expiration_minutes: z.number().int().min(1).max(1440).optional(),
  permissions: z.array(z.enum(['pull', 'push', 'list'])).optional(),
})
