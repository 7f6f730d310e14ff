import type { components, operations } from './generated/schema.ts'
import type { BinaryBody } from './request.ts'

/** The name of an operation of the API, such as `createDeployment`. */
export type OperationId = keyof operations

/** A code of the API's errors. */
export type ErrorCode = components['schemas']['ErrorCode']

type Empty = Record<never, never>

/** `{ [name]: Value }`, optional if all fields of the value are; nothing for an operation without such a part. */
type Part<Name extends string, Value> = [Value] extends [never]
  ? Empty
  : Empty extends Value
    ? { [Key in Name]?: Value }
    : { [Key in Name]: Value }

type ParametersOf<Id extends OperationId, Place extends 'path' | 'query'> = Exclude<
  operations[Id]['parameters'][Place],
  undefined
>

type BodyContent<Content> = Content extends { 'application/json': infer Json }
  ? Json
  : Content extends { 'application/octet-stream': unknown }
    ? BinaryBody
    : never

type BodyPart<Id extends OperationId> = operations[Id] extends { requestBody: { content: infer Content } }
  ? { body: BodyContent<Content> }
  : operations[Id] extends { requestBody?: infer Optional }
    ? [Exclude<Optional, undefined>] extends [never]
      ? Empty
      : {
          body?: BodyContent<
            Exclude<Optional, undefined> extends { content: infer Content } ? Content : never
          >
        }
    : Empty

/** The parameters and the body of an operation. */
export type InputOf<Id extends OperationId> = Part<'path', ParametersOf<Id, 'path'>> &
  Part<'query', ParametersOf<Id, 'query'>> &
  BodyPart<Id>

type SuccessStatus = 200 | 201 | 202 | 203 | 204 | 205

type ContentOf<Response, Type extends string> = Response extends { content: infer Content }
  ? Type extends keyof Content
    ? Content[Type]
    : never
  : undefined

type SuccessOf<Id extends OperationId, Type extends string> = {
  [Status in keyof operations[Id]['responses']]: Status extends SuccessStatus
    ? ContentOf<operations[Id]['responses'][Status], Type>
    : never
}[keyof operations[Id]['responses']]

/** The content of the envelope of deployments; other answers have none. */
type Unwrapped<Body> = Body extends { success: boolean; data: infer Data; metadata: unknown } ? Data : Body

/** The answer of an operation; undefined for one without a body. The envelope of deployments is removed. */
export type AnswerOf<Id extends OperationId> = Unwrapped<SuccessOf<Id, 'application/json'>>

/** The operations that stream events. */
export type StreamId = {
  [Id in OperationId]: [Exclude<SuccessOf<Id, 'text/event-stream'>, undefined>] extends [never] ? never : Id
}[OperationId]

/** One event of a stream: its number, its name and its data. */
export type EventOf<Id extends OperationId> =
  Exclude<SuccessOf<Id, 'text/event-stream'>, undefined> extends infer Event
    ? Event extends { event: infer Name; data: infer Data }
      ? { id: number; type: Name; data: Data }
      : never
    : never

/** An answer with a body. */
type Body<Id extends OperationId> = Exclude<AnswerOf<Id>, undefined>

/** The names of the lists in an answer. */
export type ListNameOf<Id extends OperationId> = {
  [Name in keyof Body<Id>]: Body<Id>[Name] extends readonly unknown[] ? Name : never
}[keyof Body<Id>] &
  string

/** One element of a list in an answer. */
export type ItemOf<
  Id extends OperationId,
  Name extends ListNameOf<Id>,
> = Body<Id>[Name] extends readonly (infer Item)[] ? Item : never
