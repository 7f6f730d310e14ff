import { type ErrorCode, errorCodes } from '../../src/platform/error-codes.ts'
import type { Route } from '../../src/platform/http/index.ts'
import type { OperationDescription } from '../../src/platform/operations/index.ts'
import { type Components, type Json, reference } from './components.ts'

/** The codes that an operation can answer, by status. */
export type ErrorsByStatus = Map<number, Set<ErrorCode>>

/** The errors of an operation: its own, and those that follow from its access, limit, parameters and body. */
export function errorsOf(route: Route, description: OperationDescription): ErrorsByStatus {
  const { errors = [] } = description
  const found: ErrorsByStatus = new Map()
  const add = (code: ErrorCode, status: number = errorCodes[code].status) => {
    found.set(status, (found.get(status) ?? new Set()).add(code))
  }
  for (const each of general(route, description)) add(...each)
  for (const each of errors) {
    if (typeof each === 'string') add(each)
    else add(each.code, each.status)
  }
  return found
}

type Found = [ErrorCode, number?]

function general(route: Route, { idempotencyKey = false, body }: OperationDescription): Found[] {
  const { access, limit, params, query, invalidStatus, method, csrf } = route
  const isUnsafe = method !== 'get'
  const isOpen = access === 'open'
  const reads = route.body !== undefined || body !== undefined
  const hasInput = reads || params !== undefined || query !== undefined
  return [
    // Also for an Idempotency-Key that is not valid, whatever the family's status is.
    ['REQ_001'],
    ['REQ_002', 400],
    ...(hasInput ? [['REQ_002', invalidStatus] satisfies Found] : []),
    ...(isOpen ? [] : (['ACCESS_001', 'ACCESS_002'] as const).map((code): Found => [code])),
    ...(access !== 'signed-in' && !isOpen ? [['ACCESS_003'] satisfies Found] : []),
    ...(isUnsafe && csrf && !isOpen ? [['ACCESS_003'] satisfies Found] : []),
    ...(params === undefined ? [] : [['SYS_005'] satisfies Found]),
    ...(idempotencyKey ? [['REQ_007'] satisfies Found] : []),
    // An Idempotency-Key is looked up for every POST.
    ...(idempotencyKey || method === 'post' ? [['REQ_006'] satisfies Found] : []),
    ...(reads ? (['REQ_004', 'REQ_005'] as const).map((code): Found => [code]) : []),
    ...(limit === 'none' && isOpen ? [] : [['SYS_003'] satisfies Found]),
    ['SYS_001'],
    ['SYS_002'],
    ...(isUnsafe ? [['SYS_006'] satisfies Found] : []),
  ]
}

/** The response of one status: the error envelope with one of the codes. Equal ones are one component. */
export function errorResponse(components: Components, status: number, codes: Set<ErrorCode>): Json {
  const sorted = [...codes].toSorted()
  const name = `Error${status}_${sorted.join('_')}`
  components.responses[name] ??= {
    description: `${sorted.map((code) => `\`${code}\`: ${errorCodes[code].action}`).join('. ')}.`,
    headers: headersOf(status),
    content: {
      'application/json': {
        schema: {
          allOf: [
            reference('schemas', 'Error'),
            {
              type: 'object',
              properties: {
                error: { type: 'object', properties: { code: { type: 'string', enum: sorted } } },
              },
            },
          ],
        },
      },
    },
  }
  return reference('responses', name)
}

function headersOf(status: number): Json {
  const header = (name: string) => reference('headers', name)
  return {
    'X-Request-Id': header('X-Request-Id'),
    'Retry-After': header('Retry-After'),
    ...(status === 401 ? { 'WWW-Authenticate': header('WWW-Authenticate') } : {}),
  }
}

const text = { type: 'string' }

/** The envelope of every error. */
export function errorSchemas(): Record<string, Json> {
  return {
    ErrorCode: { type: 'string', enum: Object.keys(errorCodes) },
    FieldFault: {
      type: 'object',
      required: ['path', 'problem'],
      properties: { path: text, problem: text },
      additionalProperties: false,
    },
    Error: {
      type: 'object',
      required: ['error'],
      additionalProperties: false,
      properties: {
        error: {
          type: 'object',
          required: ['code', 'message', 'details', 'retryable', 'suggestedAction'],
          additionalProperties: false,
          properties: {
            code: reference('schemas', 'ErrorCode'),
            message: text,
            details: {
              type: 'object',
              required: ['timestamp', 'correlationId'],
              properties: {
                timestamp: { type: 'string', format: 'date-time' },
                correlationId: text,
                fields: { type: 'array', items: reference('schemas', 'FieldFault') },
              },
              description: 'Further fields depend on the code and the operation.',
              additionalProperties: true,
            },
            retryable: { type: 'boolean' },
            suggestedAction: text,
          },
        },
      },
    },
  }
}
