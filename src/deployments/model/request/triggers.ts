import { z } from 'zod'
import { identifier, line, unique, uniqueItems } from './names.ts'

/** The schedules of an app: omitted, they do not change; an empty list removes all. */
export const crons = z
  .array(
    z
      .string()
      .max(100)
      .regex(/^\S+( +\S+){4}$/, 'expected a cron expression of five fields'),
  )
  .max(250)
  .refine(uniqueItems, 'has a schedule twice')

const between = (from: number, to: number) => z.number().int().min(from).max(to).optional()
const queueName = line(63)

const queueConsumer = z.strictObject({
  queue: queueName,
  dead_letter_queue: queueName.optional(),
  /** Creates both queues if they do not exist; without it, they have to exist. */
  create: z.boolean().optional(),
  settings: z
    .strictObject({
      batch_size: between(1, 100),
      max_retries: between(0, 100),
      max_wait_time_ms: between(0, 60_000),
      max_concurrency: between(1, 250).nullable(),
      retry_delay: between(0, 86_400),
    })
    .prefault({}),
})
export const queueConsumers = z.array(queueConsumer).max(100).refine(unique('queue'), 'names a queue twice')
export type QueueConsumer = z.output<typeof queueConsumer>

/** The definition of a workflow; further fields are passed through. */
const workflow = z.looseObject({
  name: z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9_-]{0,63}$/, 'expected 1 to 64 letters, digits, _ and -'),
  class_name: identifier,
  script_name: line(255).optional(),
})
export const workflows = z.array(workflow).max(100).refine(unique('name'), 'names a workflow twice')
