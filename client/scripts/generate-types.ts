import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

// Writes what the client takes from openapi.json: `npm run client:types`. A test fails while the two differ.

const client = new URL('../', import.meta.url)
/** The generated files. */
export const generated = {
  schema: fileURLToPath(new URL('src/generated/schema.ts', client)),
  operations: fileURLToPath(new URL('src/generated/operations.ts', client)),
}

interface Content {
  schema?: unknown
  'x-item-schema'?: unknown
}
interface OperationObject {
  operationId: string
  parameters?: { $ref?: string; name?: string }[]
  responses: Record<string, { content?: Record<string, Content>; headers?: unknown }>
}
interface OpenApiDocument {
  paths: Record<string, Record<string, OperationObject>>
  components: Record<string, unknown>
}

const methods = ['get', 'post', 'put', 'patch', 'delete']

export const readDocument = (): OpenApiDocument =>
  JSON.parse(readFileSync(new URL('../openapi.json', client), 'utf8'))

/** The types of all schemas and operations. */
export async function schemaText(document: OpenApiDocument): Promise<string> {
  // It needs TypeScript 5 as a library, and is loaded only to write or compare the types.
  const { default: openapiTypescript, astToString } = await import('openapi-typescript')
  const nodes = await openapiTypescript(JSON.stringify(prepared(document)), {
    alphabetize: true,
    // A caller may leave out what has a default.
    defaultNonNullable: false,
    silent: true,
  })
  return `// Written by npm run client:types from openapi.json; do not edit.\n\n${astToString(nodes)}`
}

/**
 * The document as the types need it: with the type of one event in place of the text of a stream, and without headers and
 * errors, which are the same for all operations and would be most of the text.
 */
function prepared(document: OpenApiDocument): OpenApiDocument {
  const copy = structuredClone(document)
  for (const operation of operationsOf(copy)) {
    const successes = Object.entries(operation.responses).filter(([status]) => /^[123]/.test(status))
    operation.responses = Object.fromEntries(successes)
    for (const response of Object.values(operation.responses)) {
      delete response.headers
      const events = response.content?.['text/event-stream']
      if (events?.['x-item-schema'] !== undefined) events.schema = events['x-item-schema']
    }
  }
  const { headers: _headers, responses: _responses, ...components } = copy.components
  return { ...copy, components }
}

/** The method and path of each operation, and whether it accepts an `Idempotency-Key`. */
export function operationsText(document: OpenApiDocument): string {
  const entries = Object.entries(document.paths).flatMap(([path, item]) =>
    methods.flatMap((method) => {
      const operation = item[method]
      if (operation === undefined) return []
      const isKeyed = operation.parameters?.some(({ $ref, name }) =>
        /Idempotency-Key$/.test($ref ?? name ?? ''),
      )
      const failure = Object.entries(operation.responses).find(
        ([status, { content }]) => status >= '400' && content?.['application/json'] !== undefined,
      )
      const more = failure !== undefined ? `, ${isKeyed ? 1 : 0}, ${failure[0]}` : isKeyed ? ', 1' : ''
      return [`  ${operation.operationId}: ['${method.toUpperCase()}', '${path}'${more}],`]
    }),
  )
  return `// Written by npm run client:types from openapi.json; do not edit.

import type { Method } from '../request.ts'
import type { operations } from './schema.ts'

/**
 * The method and path of each operation; 1 if it accepts an \`Idempotency-Key\`; a status above 299 of an answer that is no
 * error.
 */
export const operationTable: Record<keyof operations, readonly [Method, string, (0 | 1)?, number?]> = {
${entries.toSorted().join('\n')}
}
`
}

const operationsOf = ({ paths }: OpenApiDocument): OperationObject[] =>
  Object.values(paths).flatMap((item) => methods.flatMap((method) => item[method] ?? []))

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const document = readDocument()
  writeFileSync(generated.schema, await schemaText(document))
  writeFileSync(generated.operations, operationsText(document))
}
