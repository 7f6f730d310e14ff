export type { Auth, TokenSource } from './auth.ts'
export { type Blob, type SendOptions, sendBlobs } from './blobs.ts'
export { type Answered, type CapstanClient, type ClientOptions, createClient } from './client.ts'
export {
  type AnyErrorCode,
  ApiError,
  ConnectionError,
  type ConnectionFault,
  type ErrorDetails,
  type ErrorEnvelope,
  type FieldFault,
  isApiError,
} from './errors.ts'
export type { FollowOptions, ServerEvent } from './events.ts'
export type { components, operations, paths } from './generated/schema.ts'
export type { ApiRequest, BinaryBody, CallOptions } from './request.ts'
export type { Fetch, Retry } from './transport.ts'
export type {
  AnswerOf,
  ErrorCode,
  EventOf,
  InputOf,
  ItemOf,
  ListNameOf,
  OperationId,
  StreamId,
} from './types.ts'
