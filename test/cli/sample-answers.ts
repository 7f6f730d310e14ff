import { readFileSync } from 'node:fs'

interface Schema {
  $ref?: string
  const?: unknown
  enum?: unknown[]
  anyOf?: Schema[]
  oneOf?: Schema[]
  allOf?: Schema[]
  type?: string | string[]
  format?: string
  properties?: Record<string, Schema>
  required?: string[]
  items?: Schema
  minimum?: number
  additionalProperties?: boolean | Schema
}

interface Operation {
  operationId?: string
  parameters?: { in?: string; name?: string }[]
  responses: Record<string, { content?: Record<string, { schema: Schema }> }>
}

interface Document {
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, Schema> }
}

let read: Document | undefined
const document = (): Document =>
  (read ??= JSON.parse(readFileSync(new URL('../../openapi.json', import.meta.url), 'utf8')) as Document)

const operationOf = (operationId: string): Operation | undefined =>
  Object.values(document().paths)
    .flatMap((item) => Object.values(item))
    .find((each) => each.operationId === operationId)

/** The names of the query parameters of an operation. */
export const queryOf = (operationId: string): string[] =>
  (operationOf(operationId)?.parameters ?? []).flatMap((each) =>
    each.in === 'query' && each.name !== undefined ? [each.name] : [],
  )

/** An answer of an operation that its schema describes, with every list of one element; undefined if it has no JSON. */
export function sampleOf(operationId: string): { status: number; body: unknown } | undefined {
  const found = Object.entries(operationOf(operationId)?.responses ?? {}).find(
    ([status, { content }]) => status.startsWith('2') && content?.['application/json'] !== undefined,
  )
  const schema = found?.[1].content?.['application/json']?.schema
  return schema === undefined ? undefined : { status: Number(found?.[0]), body: sample(schema, 0) }
}

function sample(schema: Schema, depth: number): unknown {
  const { $ref, anyOf, oneOf, allOf, items, properties = {} } = schema
  if ($ref !== undefined)
    return sample(document().components.schemas[$ref.split('/').at(-1) ?? ''] ?? {}, depth)
  if (schema.const !== undefined) return schema.const
  if (schema.enum !== undefined) return schema.enum.includes('completed') ? 'completed' : schema.enum[0]
  const [first] = anyOf ?? oneOf ?? allOf ?? []
  if (first !== undefined) return sample(first, depth + 1)
  const [type] = [schema.type].flat()
  if (type === 'object' || schema.properties !== undefined) {
    // A list has one page.
    const known = Object.entries(properties).map(([name, each]) => [
      name,
      /^next/.test(name) ? null : sample(each, depth + 1),
    ])
    const { additionalProperties: more } = schema
    const others = typeof more === 'object' && known.length === 0 ? [['one', sample(more, depth + 1)]] : []
    return Object.fromEntries([...known, ...others])
  }
  if (type === 'array') return items === undefined ? [] : [sample(items, depth + 1)]
  if (type === 'string') return textOf(schema)
  if (type === 'integer' || type === 'number') return Math.max(schema.minimum ?? 0, 1)
  return type === 'boolean' ? true : null
}

function textOf({ format }: Schema): string {
  if (format === 'date-time') return '2026-01-01T00:00:00.000Z'
  return format === 'uuid' ? '11111111-2222-4333-8444-555555555555' : 'text'
}
