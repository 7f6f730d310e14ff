import type { Request, Response } from 'express'
import type { Knex } from 'knex'
import type { z } from 'zod'
import type { Access, Principal, Scheme } from '../auth.ts'
import type { Operation } from '../operations/operation.ts'
import type { Prepared } from './routing/prepared.ts'

/** A reply whose body is passed through the route's `wrap` and sent as JSON. */
export interface JsonReply {
  status?: number
  body: unknown
  headers?: Record<string, string>
  prepared?: undefined
}

/**
 * A reply whose body `prepare` has serialized once for many requests. It is sent unchanged; a client that already has
 * it (`If-None-Match`) gets a 304.
 */
export interface PreparedReply {
  prepared: Prepared
  status?: number
  headers?: Record<string, string>
  body?: undefined
}

/** A handler's result. `undefined` means that the handler has written the response itself (a stream, a page). */
export type Reply = JsonReply | PreparedReply | undefined

export interface RouteRequest<Params, Query, Body> {
  params: Params
  query: Query
  body: Body
  principal: Principal | undefined
  correlationId: string
  /** The client's address, after trusted proxies. */
  address: string
  req: Request
  res: Response
  /**
   * Runs the writes of a request in one transaction, together with the record of its `Idempotency-Key` if it has one:
   * a repeat gets the first response and writes nothing.
   */
  commit(work: (trx: Knex.Transaction) => Promise<JsonReply>): Promise<Reply>
}

/** The metadata available to `wrap`. */
export interface ReplyMetadata {
  /** ISO 8601. */
  timestamp: string
  /** The version of the service. */
  version: string
  correlationId: string
}

export type Wrap = (body: unknown, metadata: ReplyMetadata) => unknown

/** One endpoint as data. The table of routes is also the table of permissions. */
export interface Route {
  /** Its name, and its description for the OpenAPI document. */
  operation: Operation
  method: 'get' | 'post' | 'put' | 'patch' | 'delete'
  /** An Express 5 path. */
  path: string
  access: Access
  /** The schemes accepted in addition to an account's credentials; the first one present in the request counts. */
  schemes: readonly Scheme[]
  /** The token bucket that a request is charged to; `none` for routes without a rate limit. */
  limit: 'principal' | 'address' | 'none'
  /** Transforms the body of a reply before it is sent. Undefined: no transformation. */
  wrap: Wrap | undefined
  params: z.ZodType | undefined
  query: z.ZodType | undefined
  body: z.ZodType | undefined
  /** The limit in bytes, after decompression. */
  bodyLimit: number
  /** Status of a validation error: 422 in accounts and orchestrators, 400 elsewhere. */
  invalidStatus: 400 | 422
  /** False for forms and sign-in requests, which have no session yet. */
  csrf: boolean
  handle(request: RouteRequest<never, never, never>): Reply | Promise<Reply>
  /** The sign-in page's address for a path, where a page's browser is led that is not signed in; others get the error. */
  signInPage: ((path: string) => string) | undefined
  /** Runs before an invalid request is refused, for routes that record their refusals. */
  onInvalid: ((request: InvalidRequest) => Promise<void>) | undefined
}

/** A request that its route's schemas refuse, as it arrived. */
export interface InvalidRequest {
  params: Readonly<Partial<Record<string, string | string[]>>>
  body: unknown
  principal: Principal | undefined
  /** The refusal; its details name the fields. */
  error: unknown
}

interface RouteInput<P extends z.ZodType, Q extends z.ZodType, B extends z.ZodType> {
  operation: Operation
  method: Route['method']
  path: string
  access: Access
  schemes?: Route['schemes']
  limit?: Route['limit']
  wrap?: Wrap
  params?: P
  query?: Q
  body?: B
  bodyLimit?: number
  invalidStatus?: Route['invalidStatus']
  csrf?: boolean
  signInPage?: (path: string) => string
  handle(request: RouteRequest<z.output<P>, z.output<Q>, z.output<B>>): Reply | Promise<Reply>
  onInvalid?: (request: InvalidRequest) => Promise<void>
}

const MIB = 1024 * 1024

/** Declares a route. The handler's types follow from the schemas. */
export function route<P extends z.ZodType, Q extends z.ZodType, B extends z.ZodType>(
  input: RouteInput<P, Q, B>,
): Route {
  return {
    operation: input.operation,
    method: input.method,
    path: input.path,
    access: input.access,
    schemes: input.schemes ?? [],
    limit: input.limit ?? 'principal',
    wrap: input.wrap,
    params: input.params,
    query: input.query,
    body: input.body,
    bodyLimit: input.bodyLimit ?? MIB,
    invalidStatus: input.invalidStatus ?? 400,
    csrf: input.csrf ?? true,
    handle: input.handle as Route['handle'],
    signInPage: input.signInPage,
    onInvalid: input.onInvalid,
  }
}
