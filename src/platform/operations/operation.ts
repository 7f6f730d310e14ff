import type { z } from 'zod'
import type { ErrorCode } from '../error-codes.ts'

/** The body of an answer in one media type. */
export type Content =
  | { schema: z.ZodType }
  /** Server-Sent Events: the schema of one event with its `event` (the name) and its `data`. */
  | { events: z.ZodType }
  | { bytes: true }

export interface AnswerHeader {
  description: string
  /** False for a header that is only sometimes sent. */
  required: boolean
}

/** One answer of an operation, by its status. Without `content` it has no body. */
export interface Answer {
  description: string
  /** By media type, without parameters. */
  content?: Record<string, Content>
  /** The headers beyond those of every answer. */
  headers?: Record<string, AnswerHeader>
}

/** An error that an operation can answer; `status` is given where it is not the code's own. */
export type OperationError = ErrorCode | { code: ErrorCode; status: number }

/** What people and programs are told about an operation. Its parameters and body are in its route. */
export interface OperationDescription {
  /** One sentence that begins with a verb. */
  summary: string
  /** What a caller must know beyond the summary, as Markdown. */
  description?: string
  /** The answers that are not errors, by status. */
  answers: Record<number, Answer>
  /** The errors beyond those that follow from the route's access, limit, parameters and body. */
  errors?: readonly OperationError[]
  /** True if a browser that sent a form gets an HTML page in place of the error envelope. */
  errorPage?: boolean
  /** Parameters that the handler reads itself. */
  parameters?: { query?: z.ZodObject; header?: z.ZodObject }
  /** A body that the handler reads itself, by media type. */
  body?: { required: boolean; content: Record<string, Content> }
  /** True if a repeat with the same `Idempotency-Key` gets the recorded answer. */
  idempotencyKey?: boolean
}

/** The messages of a WebSocket. */
export interface SocketDescription {
  summary: string
  description?: string
  messages: { toClient: z.ZodType; toServer: z.ZodType }
  closeCodes: Record<number, string>
}

/** The name of an operation, and how to load its description. */
export interface Operation<Description = OperationDescription> {
  /** Unique among all operations, in lowerCamelCase. */
  id: string
  /** The domain, which groups operations. */
  tag: string
  /** Loads the description. Only the document and the tests use it, so that a server builds no schema of its answers. */
  describe(): Promise<Description>
}

type Descriptions<Ids extends string> = { operations: Record<Ids, OperationDescription> }

/**
 * Makes the names of a domain's operations from its table of descriptions. A route without a description does not
 * type-check.
 * @param load imports the table
 */
export const operationsOf =
  <Ids extends string>(tag: string, load: () => Promise<Descriptions<Ids>>) =>
  <Id extends Ids>(id: Id): { operation: Operation } => ({
    operation: { id, tag, describe: async () => (await load()).operations[id] },
  })
