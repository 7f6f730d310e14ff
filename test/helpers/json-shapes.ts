import { z } from 'zod'

/** The part of JSON Schema that Capstan's requests use. */
interface Shape {
  type?: string | string[]
  format?: string
  const?: unknown
  enum?: unknown[]
  default?: unknown
  minimum?: number
  exclusiveMinimum?: number
  minItems?: number
  pattern?: string
  anyOf?: Shape[]
  oneOf?: Shape[]
  properties?: Record<string, Shape>
  required?: string[]
  additionalProperties?: Shape | boolean
  items?: Shape
}

export interface Leaf {
  path: string[]
  /** Creates a value that is valid except for this leaf. */
  with(value: unknown): unknown
}

const sampleTexts: Record<string, string> = {
  uuid: '00000000-0000-4000-8000-000000000000',
  'date-time': '2026-01-01T00:00:00Z',
}
/** Candidates for a text; the first one that matches the field's pattern is used. */
const candidates = [
  ...['x', 'abc', 'Deployment', 'stable', '1', '1.0.0', '1.2.3', 'a/b', 'prod', 'https://example.org'],
  ...['a'.repeat(64), `sha256:${'a'.repeat(64)}`, 'a-password-of-the-tests', 'a@example.org', '192.0.2.1'],
]

/** All places for a text in a schema's value, each with a surrounding value that is as valid as possible. */
export function textLeaves(schema: z.ZodType): Leaf[] {
  return leavesOf(z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as Shape)
}

/** A value of an object's schema, valid as far as the JSON Schema describes it. */
export function sampleFor(schema: z.ZodType): Record<string, unknown> {
  return sampleOf(z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as Shape) as Record<
    string,
    unknown
  >
}

function leavesOf(shape: Shape): Leaf[] {
  const choices = shape.anyOf ?? shape.oneOf
  if (choices !== undefined) return choices.flatMap(leavesOf)
  if (shape.properties !== undefined || shape.type === 'object') return leavesOfObject(shape)
  if (shape.items !== undefined)
    return leavesOf(shape.items).map((leaf) => ({
      path: ['0', ...leaf.path],
      with: (value) => [leaf.with(value)],
    }))
  return [{ path: [], with: (value) => value }]
}

function leavesOfObject(shape: Shape): Leaf[] {
  const { properties = {}, additionalProperties: more } = shape
  const named = Object.entries(properties)
  if (typeof more === 'object') named.push(['any', more])
  return named.flatMap(([key, each]) =>
    leavesOf(each).map((leaf) => ({
      path: [key, ...leaf.path],
      with: (value: unknown) => ({ ...(sampleOf(shape) as object), [key]: leaf.with(value) }),
    })),
  )
}

/** A value that a schema accepts, as far as the JSON Schema describes it. */
function sampleOf(shape: Shape): unknown {
  if (shape.default !== undefined) return shape.default
  if (shape.const !== undefined) return shape.const
  if (shape.enum !== undefined) return shape.enum[0]
  const [choice] = shape.anyOf ?? shape.oneOf ?? []
  if (choice !== undefined) return sampleOf(choice)
  switch ([shape.type].flat()[0]) {
    case 'object':
      return Object.fromEntries(
        (shape.required ?? []).map((key) => [key, sampleOf(shape.properties?.[key] ?? {})]),
      )
    case 'array':
      return new Array(shape.minItems ?? 0).fill(sampleOf(shape.items ?? {}))
    case 'integer':
    case 'number':
      return Math.max(shape.minimum ?? 1, (shape.exclusiveMinimum ?? 0) + 1)
    case 'boolean':
      return true
    case 'null':
      return null
    default: {
      const pattern = new RegExp(shape.pattern ?? '', 'u')
      return sampleTexts[shape.format ?? ''] ?? candidates.find((text) => pattern.test(text)) ?? 'x'
    }
  }
}
