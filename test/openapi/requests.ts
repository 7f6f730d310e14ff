import fc from 'fast-check'
import { type Operation, openApi, type Parameter, resolve } from './contract.ts'
import { junk, valuesOf } from './values.ts'

/** A request as it is sent. */
export interface Sent {
  method: string
  path: string
  headers: Record<string, string>
  body: string | undefined
}

/** All operations that are requests: a WebSocket is not. */
export function operations(): { method: string; path: string; operation: Operation }[] {
  return Object.entries(openApi().paths).flatMap(([path, item]) =>
    Object.entries(item)
      .filter(([, operation]) => operation['x-websocket'] === undefined)
      .map(([method, operation]) => ({ method: method.toUpperCase(), path, operation })),
  )
}

/** Requests of an operation: valid ones, and ones with one part or several parts that are not. */
export function requestsOf({
  method,
  path,
  operation,
}: ReturnType<typeof operations>[number]): fc.Arbitrary<Sent> {
  const parameters = (operation.parameters ?? []).map((each) => resolve(each))
  const of = (place: Parameter['in']) =>
    fc.record(
      Object.fromEntries(
        parameters
          .filter((each) => each.in === place)
          .map((each) => [each.name, mostly(valuesOf(each.schema), junk)]),
      ),
      place === 'path' ? {} : { requiredKeys: [] },
    )
  return fc
    .record({ path: of('path'), query: of('query'), header: of('header'), body: bodiesOf(operation), extra })
    .map((parts) => {
      const search = new URLSearchParams(pairsOf({ ...parts.query, ...parts.extra }))
      const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => encoded(textOf(parts.path[name])))
      const { type, text } = parts.body
      return {
        method,
        path: `${filled}${search.size > 0 ? `?${search}` : ''}`,
        headers: {
          ...Object.fromEntries(
            Object.entries(parts.header)
              .map(([name, value]) => [name, headerText(textOf(value))])
              .filter(([, value]) => value !== ''),
          ),
          ...(text === undefined ? {} : { 'content-type': type }),
        },
        body: text,
      }
    })
}

/** Nine of ten values are those that the schema describes. */
const mostly = <T>(valid: fc.Arbitrary<T>, other: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 9, arbitrary: valid }, { weight: 1, arbitrary: other })

/** Sometimes a query parameter that is not in the document. */
const extra = mostly<Record<string, unknown>>(fc.constant({}), fc.constant({ unknown: 'x' }))

interface Body {
  type: string
  text: string | undefined
}
const none: Body = { type: '', text: undefined }

function bodiesOf({ requestBody }: Operation): fc.Arbitrary<Body> {
  if (requestBody === undefined) return fc.constant(none)
  const kinds = Object.entries(requestBody.content).map(([type, { schema = {} }]) => {
    const values = mostly(valuesOf(schema), fc.oneof(junk, broken(valuesOf(schema))))
    return values.map((value): Body => {
      if (type === 'application/json') return { type, text: JSON.stringify(value) }
      if (type.includes('urlencoded'))
        return {
          type,
          text: String(new URLSearchParams(pairsOf(value ?? {}))),
        }
      return { type, text: textOf(value) }
    })
  })
  const wrong = fc.constantFrom<Body>(
    { type: 'application/json', text: '{"a":' },
    { type: 'text/plain', text: 'x' },
    { type: 'application/json; charset=x-none', text: '{}' },
    none,
  )
  return mostly(fc.oneof(...kinds), wrong)
}

/** A value with a field that is replaced by something else, or with one more. */
const broken = (values: fc.Arbitrary<unknown>) =>
  fc.tuple(values, junk, fc.nat()).map(([value, other, at]) => {
    if (typeof value !== 'object' || value === null) return other
    const keys = Object.keys(value)
    return { ...value, [keys[at % (keys.length + 1)] ?? 'unknown']: other }
  })

const pairsOf = (value: object): [string, string][] =>
  Object.entries(value).map(([key, each]) => [key, textOf(each)])

const textOf = (value: unknown) => (typeof value === 'string' ? value : (JSON.stringify(value) ?? ''))

/** A segment of a path: an empty one, `.` and `..` would be another path. */
function encoded(text: string): string {
  const safe = text.isWellFormed() ? encodeURIComponent(text) : '%ff'
  return safe === '' || /^\.{1,2}$/.test(safe) ? 'x' : safe.slice(0, 2000)
}

/** Clients cannot send other characters in a header. */
const headerText = (text: string) =>
  text
    .replace(/[^\x20-\x7e]/g, '')
    .trim()
    .slice(0, 300)
