import type { Auth } from './auth.ts'
import { ConnectionError, propertiesOf } from './errors.ts'
import { type FollowOptions, followEvents, type ServerEvent } from './events.ts'
import { operationTable } from './generated/operations.ts'
import { readPages } from './pages.ts'
import type { ApiRequest, CallOptions } from './request.ts'
import { createTransport, type Fetch, type Retry, readJson, type TransportOptions } from './transport.ts'
import type { AnswerOf, EventOf, InputOf, ItemOf, ListNameOf, OperationId, StreamId } from './types.ts'

export interface ClientOptions {
  /** The address of the service, like `https://capstan.example.org`; '' in a page of the service itself. */
  url: string
  /** Without a credential only open operations can be called. */
  auth?: Auth
  /** Default: the global `fetch`. */
  fetch?: Fetch
  /** Headers of every request. */
  headers?: Record<string, string>
  /** The time for one attempt; default 60 s. */
  timeoutMs?: number
  /** The time for which transient errors are retried; default 30 s, 0 for none. `CallOptions.patienceMs` says when. */
  patienceMs?: number
  /** Called before each repetition. */
  onRetry?(retry: Retry): void
}

/** The input of a call; it may be omitted if the operation requires nothing. */
type Input<Id extends OperationId> = InputOf<Id> & CallOptions
type InputArguments<Id extends OperationId> =
  Record<never, never> extends InputOf<Id> ? [input?: Input<Id>] : [input: Input<Id>]
type StreamArguments<Id extends OperationId> =
  Record<never, never> extends InputOf<Id>
    ? [input?: InputOf<Id> & FollowOptions]
    : [input: InputOf<Id> & FollowOptions]

/** An answer with the status and the headers of its response. */
export interface Answered<Body> {
  body: Body
  status: number
  headers: Headers
}

/**
 * The API of a Capstan service. Each method throws an `ApiError` for a refusal, a `ConnectionError` if the API does not
 * answer, and the reason of `signal` once it is aborted.
 */
export interface CapstanClient {
  readonly url: string
  /** Calls an operation. */
  call<Id extends OperationId>(id: Id, ...input: InputArguments<Id>): Promise<AnswerOf<Id>>
  /** Calls an operation and returns its status and headers, too. */
  answer<Id extends OperationId>(id: Id, ...input: InputArguments<Id>): Promise<Answered<AnswerOf<Id>>>
  /** Calls an operation whose answer is a text, such as CSV or SVG. */
  text<Id extends OperationId>(id: Id, ...input: InputArguments<Id>): Promise<string>
  /** All pages of a list, one call for each. */
  pages<Id extends OperationId>(id: Id, ...input: InputArguments<Id>): AsyncGenerator<AnswerOf<Id>, void>
  /** All elements of a list, over all its pages. `limit` in the query is the size of a page. */
  items<Id extends OperationId, Name extends ListNameOf<Id>>(
    id: Id,
    name: Name,
    ...input: InputArguments<Id>
  ): AsyncGenerator<ItemOf<Id, Name>, void>
  /** The events of a stream to its end, over any number of connections. */
  events<Id extends StreamId>(id: Id, ...input: StreamArguments<Id>): AsyncGenerator<EventOf<Id>, void>
  /** Sends a request to any path, and returns the JSON of the answer as it is. For paths that the document lacks. */
  request(request: ApiRequest): Promise<unknown>
  /** The events of the stream at any path. */
  follow(request: ApiRequest, options?: FollowOptions): AsyncGenerator<ServerEvent, void>
}

/** Creates a client. It opens no connection before the first call. */
export function createClient(options: ClientOptions): CapstanClient {
  const transport = createTransport(transportOptions(options))
  const { url } = transport

  const answer = (request: ApiRequest): Promise<Answered<unknown>> =>
    transport.perform(request, async (response) => ({
      body: unwrap(await readJson(url, response)),
      status: response.status,
      headers: response.headers,
    }))
  const request = (asked: ApiRequest) =>
    transport.perform(asked, async (response) => await readJson(url, response))
  const call = async (id: OperationId, input?: AnyInput) => (await answer(requestOf(id, input))).body
  const pages = (id: OperationId, input: AnyInput = {}) =>
    readPages((query) => call(id, { ...input, query }), { ...input.query })

  // The types of the methods follow from the document; what answers is what the document says.
  return {
    url,
    call,
    answer: (id: OperationId, input?: AnyInput) => answer(requestOf(id, input)),
    text: (id: OperationId, input?: AnyInput) =>
      transport.perform({ ...requestOf(id, input) }, (response) => response.text()),
    pages,
    async *items(id: OperationId, name: string, input?: AnyInput) {
      for await (const page of pages(id, input)) {
        const list = propertiesOf(page)[name]
        if (!Array.isArray(list))
          throw new ConnectionError('not-capstan', `The answer of ${url} has no list ${name}`)
        yield* list
      }
    },
    events(id: OperationId, input: AnyInput & FollowOptions = {}) {
      const { path, query, ...following } = input
      return followEvents(transport, requestOf(id, { path, query }), following)
    },
    request,
    follow: (asked, following) => followEvents(transport, asked, following),
  } as CapstanClient
}

function transportOptions(options: ClientOptions): TransportOptions {
  return {
    url: options.url.replace(/\/+$/, ''),
    auth: options.auth,
    fetch: options.fetch ?? ((input, init) => globalThis.fetch(input, init)),
    headers: options.headers ?? {},
    timeoutMs: options.timeoutMs ?? 60_000,
    patienceMs: options.patienceMs ?? 30_000,
    onRetry: options.onRetry,
  }
}

interface AnyInput extends CallOptions {
  path?: Record<string, unknown> | undefined
  query?: Record<string, unknown> | undefined
  body?: unknown
}

function requestOf(id: OperationId, { path: params, ...input }: AnyInput = {}): ApiRequest {
  const [method, path, idempotent, answerStatus] = operationTable[id]
  const key = input.idempotencyKey ?? (idempotent ? crypto.randomUUID() : undefined)
  const { query, ...rest } = input
  return {
    ...rest,
    method,
    path,
    answerStatus,
    ...(params === undefined ? {} : { params }),
    ...(query === undefined ? {} : { query }),
    ...(key === undefined ? {} : { idempotencyKey: key }),
  }
}

/** The content of the envelope in which the operations of deployments answer. */
function unwrap(body: unknown): unknown {
  const { success, data, metadata } = propertiesOf(body)
  return success === true && metadata !== undefined ? data : body
}
