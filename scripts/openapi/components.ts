import { isDeepStrictEqual } from 'node:util'
import { z } from 'zod'

/** A JSON Schema, or another object of the document. */
export type Json = Record<string, unknown>

/** The components of a document, collected while its operations are described. */
export interface Components {
  schemas: Record<string, Json>
  responses: Record<string, Json>
  /** Converts a schema. Those with an `id` become components, which the result refers to. */
  convert(schema: z.ZodType, io: 'input' | 'output'): Json
  /** Adds a schema under a name. @returns the reference to it */
  add(name: string, schema: Json): Json
}

export const reference = (kind: 'schemas' | 'responses' | 'headers' | 'parameters', name: string): Json => ({
  $ref: `#/components/${kind}/${name}`,
})

export function createComponents(): Components {
  const schemas: Record<string, Json> = {}

  function add(name: string, schema: Json): Json {
    const before = schemas[name]
    if (before !== undefined && !isDeepStrictEqual(before, schema))
      throw new Error(`two different schemas have the name ${name}`)
    schemas[name] = schema
    return reference('schemas', name)
  }

  return {
    schemas,
    responses: {},
    add,
    convert(schema, io) {
      const { $defs = {}, ...converted } = plain(
        z.toJSONSchema(schema, {
          io,
          unrepresentable: 'any',
          override: ({ jsonSchema }) => simplify(jsonSchema),
        }),
      )
      for (const [name, each] of Object.entries($defs as Record<string, Json>)) add(name, each)
      const { id, ...rest } = converted
      return typeof id === 'string' ? add(id, rest) : rest
    },
  }
}

/** A copy without the library's own keys, whose references lead to the components. */
function plain(schema: object): Json {
  const copy = JSON.parse(JSON.stringify(schema), (key, value) => {
    if (key === '$schema') return undefined
    if (key === '$ref' && typeof value === 'string') return value.replace('#/$defs/', '#/components/schemas/')
    return value
  })
  for (const each of Object.values(copy.$defs ?? {})) delete (each as Json).id
  return copy
}

const textFormats = new Set(['uuid', 'date-time', 'ipv4', 'ipv6'])

/** Removes what says nothing: the pattern of a format, and the bounds of every integer. */
function simplify(schema: Json): void {
  if (textFormats.has(String(schema.format))) delete schema.pattern
  if (isDeepStrictEqual(schema.propertyNames, { type: 'string' })) delete schema.propertyNames
  if (schema.minimum === Number.MIN_SAFE_INTEGER) delete schema.minimum
  if (schema.maximum === Number.MAX_SAFE_INTEGER) delete schema.maximum
}
