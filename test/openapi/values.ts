import fc from 'fast-check'
import { type Json, resolve } from './contract.ts'

/** Values of a JSON Schema, as far as one text, number or list can be made without searching: patterns are kept. */
export function valuesOf(schema: Json, depth = 0): fc.Arbitrary<unknown> {
  const shape = resolve(schema)
  const choices = (shape.anyOf ?? shape.oneOf) as Json[] | undefined
  if (choices !== undefined) return fc.oneof(...choices.map((each) => valuesOf(each, depth)))
  if (shape.const !== undefined) return fc.constant(shape.const)
  if (Array.isArray(shape.enum)) return fc.constantFrom(...shape.enum)
  const [type] = [shape.type].flat()
  switch (type) {
    case 'string':
      return textsOf(shape)
    case 'integer':
      return fc.integer({ min: bound(shape.minimum, -10), max: bound(shape.maximum, 1000) })
    case 'number':
      return fc.double({ min: bound(shape.minimum, -10), max: bound(shape.maximum, 1000), noNaN: true })
    case 'boolean':
      return fc.boolean()
    case 'null':
      return fc.constant(null)
    case 'array':
      return fc.array(valuesOf((shape.items ?? {}) as Json, depth + 1), {
        minLength: bound(shape.minItems, 0),
        maxLength: Math.max(bound(shape.minItems, 0), 2),
      })
    case 'object':
      return objectsOf(shape, depth)
    default:
      return fc.jsonValue({ maxDepth: 1 })
  }
}

const bound = (value: unknown, fallback: number) => (typeof value === 'number' ? value : fallback)

function objectsOf(shape: Json, depth: number): fc.Arbitrary<unknown> {
  const properties = Object.entries((shape.properties ?? {}) as Record<string, Json>)
  const required = (shape.required ?? []) as string[]
  // Optional parts of a deep value are left out, or a configuration would always have all of its many parts.
  const kept = properties.filter(([key]) => depth < 3 || required.includes(key))
  const model = Object.fromEntries(kept.map(([key, each]) => [key, valuesOf(each, depth + 1)]))
  return fc.record(model, { requiredKeys: required.filter((key) => key in model) })
}

function textsOf(shape: Json): fc.Arbitrary<string> {
  const { format, pattern } = shape
  const [min, max] = [bound(shape.minLength, 0), bound(shape.maxLength, 60)]
  if (format === 'uuid') return fc.uuid()
  if (format === 'date-time') return fc.date({ noInvalidDate: true }).map((date) => date.toISOString())
  if (typeof pattern === 'string' && isGenerable(pattern)) return fc.stringMatching(new RegExp(pattern, 'u'))
  return fc.string({ unit: 'grapheme', minLength: Math.min(min, max), maxLength: Math.min(max, 60) })
}

/** The library makes no texts for look-around and for classes of Unicode. */
const isGenerable = (pattern: string) => !/\(\?[=!<]|\\p/i.test(pattern) && pattern.length < 400

/** What no schema expects: other types, empty and long text, text that no database stores. */
export const junk: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(null, '', '\u0000', '\ud800', 'x'.repeat(3000), -1, 1e21, true, [], {}, [null]),
  fc.string({ unit: 'binary' }),
  fc.jsonValue({ maxDepth: 2 }),
)
