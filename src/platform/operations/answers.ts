import { z } from 'zod'
import type { Answer, AnswerHeader } from './operation.ts'

const json = 'application/json'

/** An answer with a JSON body. */
export const jsonAnswer = (
  description: string,
  schema: z.ZodType,
  headers: Record<string, AnswerHeader> = {},
): Answer => ({ description, content: { [json]: { schema } }, headers })

/** An answer with a body that was serialized in advance and has an entity tag. Its 304 follows from the header. */
export const preparedAnswer = (
  description: string,
  schema: z.ZodType,
  headers: Record<string, AnswerHeader> = {},
): Answer => jsonAnswer(description, schema, { ETag: always('The entity tag of the body'), ...headers })

/** An answer that leads a browser to another address. */
export const redirect = (description: string, headers: Record<string, AnswerHeader> = {}): Answer => ({
  description,
  // Express writes a sentence with the address.
  content: { 'text/html': { bytes: true }, 'text/plain': { bytes: true } },
  headers: { Location: always('The address'), ...headers },
})

/** A stream of events. @param schema of one event: `event`, `id` and `data` */
export const eventStream = (description: string, schema: z.ZodType): Answer => ({
  description,
  content: { 'text/event-stream': { events: schema } },
})

/** The answer to a reader that already has all events of a stream that has ended. */
export const streamHasEnded: Answer = {
  description: 'The stream has ended, and the reader has all its events',
}

/** The schema of one event: the name in its `event:` line, or `message` without that line. */
export const eventOf = <Name extends string, Data extends z.ZodType>(event: Name, data: Data) =>
  z.strictObject({ event: z.literal(event), id: eventId, data })

export const always = (description: string): AnswerHeader => ({ description, required: true })
export const sometimes = (description: string): AnswerHeader => ({ description, required: false })

/** The headers of answers that are read as Server-Sent Events. */
export const resumeHeader = z.object({
  'Last-Event-ID': z
    .string()
    .regex(/^\d{0,15}$/)
    .optional(),
})
/** The same as `Last-Event-ID`, for a first request. */
export const resumeQuery = z.object({
  after: z
    .string()
    .regex(/^\d{0,15}$/)
    .optional(),
})

const eventId = z.string().regex(/^\d{1,15}$/)

/** A time in UTC. */
export const time = z.iso.datetime()
/** An integer that is 0 or more. */
export const count = z.int().min(0)
/** The paths of a job that an operation has started. */
export const jobLinks = z.strictObject({ job: z.string(), events: z.string() })
/** The body of an operation that has nothing else to tell. */
export const success = z
  .strictObject({ status: z.literal('success'), message: z.string() })
  .meta({ id: 'Success' })
