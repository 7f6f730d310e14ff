import { z } from 'zod'

/** The longest delay of a message: 12 hours. */
const maxDelaySeconds = 43_200
const delay = z.number().int().min(0).max(maxDelaySeconds)

const settings = z.looseObject({
  delivery_delay: delay.optional(),
  delivery_paused: z.boolean().optional(),
  message_retention_period: z.number().int().min(60).max(1_209_600).optional(),
})

export const queueName = /^[A-Za-z0-9](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9])?$/
const jurisdiction = z.string().optional()
export const createBody = z.strictObject({
  queue_name: z.string(),
  jurisdiction,
  settings: settings.optional(),
})
export const updateBody = z.strictObject({
  queue_name: z.string().optional(),
  jurisdiction,
  settings: settings.optional(),
})

const consumerSettings = z.looseObject({
  batch_size: z.number().int().min(1).max(100).optional(),
  max_retries: z.number().int().min(0).max(100).optional(),
  max_wait_time_ms: z.number().int().min(0).max(60_000).optional(),
  max_concurrency: z.number().int().min(1).max(250).nullable().optional(),
  retry_delay: delay.optional(),
  visibility_timeout_ms: z.number().int().min(0).max(43_200_000).optional(),
})
const deadLetter = z.string().nullable().optional()
export const consumerBody = z.discriminatedUnion('type', [
  z.looseObject({
    type: z.literal('worker'),
    script_name: z.string(),
    dead_letter_queue: deadLetter,
    settings: consumerSettings.optional(),
  }),
  z.looseObject({
    type: z.literal('http_pull'),
    dead_letter_queue: deadLetter,
    settings: consumerSettings.optional(),
  }),
])

const contentType = z.enum(['json', 'text', 'bytes']).optional()
export const pushBody = z.strictObject({
  body: z.json(),
  content_type: contentType,
  delay_seconds: delay.optional(),
})
export const pushBatchBody = z.strictObject({
  messages: z.array(pushBody).min(1).max(100),
  delay_seconds: delay.optional(),
})

const visibility = z.number().int().min(0).max(43_200_000).optional()
const batchSize = z.number().int().min(1).max(100).optional()
const lease = { lease_id: z.string() }
export const pullBody = z.strictObject({
  batch_size: batchSize,
  visibility_timeout_ms: visibility,
  // The name in wrangler's example of a call, also in milliseconds.
  visibility_timeout: visibility,
})
export const ackBody = z.strictObject({
  acks: z.array(z.strictObject(lease)).max(100).optional(),
  retries: z
    .array(z.strictObject({ ...lease, delay_seconds: delay.optional() }))
    .max(100)
    .optional(),
})
export const peekBody = z.strictObject({ batch_size: batchSize })
export const purgeRefsBody = z.strictObject({
  refs: z
    .array(z.strictObject({ ref: z.string() }))
    .min(1)
    .max(100),
})

/** What a producer binding sends: the body as text, `bytes` as base64. */
export const producedBody = z.strictObject({
  messages: z
    .array(
      z.strictObject({
        body: z.string(),
        contentType: z.enum(['json', 'text', 'bytes']),
        delaySeconds: delay.optional(),
      }),
    )
    .max(100),
})

export const purgeBody = z.looseObject({ delete_messages_permanently: z.boolean().optional() })
