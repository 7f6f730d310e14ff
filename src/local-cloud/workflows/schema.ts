import { z } from 'zod'

const name = /^[A-Za-z0-9_][A-Za-z0-9_-]*$/
export const isWorkflowName = (text: string): boolean => text.length <= 64 && name.test(text)
/** Cloudflare reserves ids of this form. */
const reserved = /^cf_[0-9a-f]{64}$/
const instanceId = z
  .string()
  .max(100)
  .regex(name, 'must be letters, digits, hyphens or underscores')
  .refine((id) => !reserved.test(id), 'is reserved')

const duration = z.union([z.string(), z.number()])
const retention = z.strictObject({
  success_retention: duration.optional(),
  error_retention: duration.optional(),
})

/** The definition of a workflow. */
export const workflowBody = z.strictObject({
  script_name: z.string().min(1),
  class_name: z.string().min(1),
  limits: z.strictObject({ steps: z.int().min(1).max(25_000).optional() }).optional(),
  concurrency: z.strictObject({ limit: z.int().min(1).optional() }).optional(),
  schedules: z.array(z.strictObject({ cron: z.string().max(100) })).optional(),
  default_retention: retention.optional(),
  jurisdiction: z.string().optional(),
})

const newInstance = z.strictObject({
  instance_id: instanceId.optional(),
  // wrangler sends the parameters as JSON, the npm client as text that contains JSON.
  params: z.json().optional(),
  instance_retention: retention.optional(),
  location_hint: z.string().optional(),
})
export const createBody = newInstance
export const batchBody = z.array(newInstance).min(1).max(100)
export const deleteBatchBody = z.strictObject({ instances: z.array(z.string()).min(1).max(100) })

const from = z.strictObject({
  name: z.string(),
  count: z.int().min(1).optional(),
  type: z.enum(['do', 'sleep', 'waitForEvent']).optional(),
})
export const statusBody = z.discriminatedUnion('status', [
  z.strictObject({ status: z.literal('pause') }),
  z.strictObject({ status: z.literal('resume') }),
  z.strictObject({ status: z.literal('terminate'), rollback: z.boolean().optional() }),
  z.strictObject({ status: z.literal('restart'), from: from.optional() }),
])
export type StatusChange = z.infer<typeof statusBody>

/** What the binding of a Worker sends. */
export const boundBody = z.strictObject({ id: instanceId.optional(), params: z.string() })
export const reportBody = z.strictObject({ status: z.string() })
