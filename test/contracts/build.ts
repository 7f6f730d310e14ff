// Makes the compact contracts of this folder from complete OpenAPI documents:
//   node test/contracts/build.ts <folder with <name>.openapi.json of all that README.md lists>
import { readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const names = ['cloudflare', 'github', 'kubernetes']

/** What no validation reads: prose, examples, and who may call. */
const unread = new Set([
  'deprecated',
  'description',
  'example',
  'examples',
  'externalDocs',
  'headers',
  'operationId',
  'security',
  'securitySchemes',
  'servers',
  'summary',
  'tags',
  'title',
])

/** Below these the keys are names that somebody chose: a property may be called `description`. */
const holders = new Set(['parameters', 'paths', 'properties', 'responses', 'schemas'])

/** Below these is data, not schema. */
const literals = new Set(['const', 'default', 'enum', 'mapping', 'required'])

function compact(node: unknown, keysAreNames = false): unknown {
  if (Array.isArray(node)) return node.map((each) => compact(each))
  if (typeof node !== 'object' || node === null) return node
  const kept = Object.entries(node).filter(
    ([key]) => keysAreNames || !(unread.has(key) || key.startsWith('x-')),
  )
  return Object.fromEntries(
    kept.map(([key, value]) => [
      key,
      !keysAreNames && literals.has(key) ? value : compact(value, !keysAreNames && holders.has(key)),
    ]),
  )
}

/** One line per entry, so that a newer contract shows as a readable difference. */
const lines = (entries: object, show: (value: unknown) => string) =>
  `{\n${Object.entries(entries)
    .map(([key, value]) => `${JSON.stringify(key)}:${show(value)}`)
    .join(',\n')}\n}`

type Operations = Record<string, { requestBody?: unknown }>

interface Document {
  openapi: string
  paths: Record<string, Operations>
  components: Record<string, Record<string, unknown>>
}

const read = (folder: string, name: string): Document =>
  JSON.parse(readFileSync(join(folder, `${name}.openapi.json`), 'utf8'))

/** Adds the operations of a second document. Its schemas get names of their own: some differ from those of the first. */
function withMore(first: Document, second: Document): Document {
  const renamed = JSON.stringify(second).replaceAll('"#/components/schemas/', '"#/components/schemas/More')
  const { paths, components }: Document = JSON.parse(renamed)
  const schemas = Object.entries(components.schemas ?? {}).map(([name, schema]) => [
    `More${name}`,
    withProperties(schema, first.components.schemas?.[name]),
  ])
  const all = Object.entries(paths).map(([path, methods]) => [
    path,
    { ...methods, ...withRequests(first.paths[path] ?? {}, methods) },
  ])
  return {
    openapi: first.openapi,
    paths: { ...first.paths, ...Object.fromEntries(all) },
    components: {
      ...first.components,
      schemas: { ...first.components.schemas, ...Object.fromEntries(schemas) },
    },
  }
}

/** Adds the properties that only the first document's schema of the same name has, such as `containers` of an upload. */
function withProperties(schema: unknown, first: unknown): unknown {
  const [own, other] = [schema, first].map(
    (each) => (each as { properties?: object } | undefined)?.properties,
  )
  if (own === undefined || other === undefined) return schema
  return { ...(schema as object), properties: { ...other, ...own } }
}

/** The second document describes more types of bindings in the requests of operations that both have. */
const withRequests = (first: Operations, second: Operations): Operations =>
  Object.fromEntries(
    Object.entries(first).map(([method, operation]) => {
      const requestBody = second[method]?.requestBody
      return [method, requestBody === undefined ? operation : { ...operation, requestBody }]
    }),
  )

function build(folder: string): void {
  for (const name of names) {
    const { openapi, paths, components } =
      name === 'cloudflare'
        ? withMore(read(folder, name), read(folder, 'cloudflare-more'))
        : read(folder, name)
    const parts = compact({ paths, components }) as { paths: object; components: Record<string, object> }
    const text = [
      `{"openapi":${JSON.stringify(openapi)},`,
      `"paths":${lines(parts.paths, JSON.stringify)},`,
      `"components":${lines(parts.components, (each) => lines(each as object, JSON.stringify))}}`,
    ].join('\n')
    writeFileSync(new URL(`${name}.generated.json`, import.meta.url), `${text}\n`)
  }
}

/** The operations of Cloudflare that the local cloud need not have, as `METHOD /path`. */
function buildOthers(folder: string): void {
  const operations = Object.entries(read(folder, 'cloudflare-more').paths).flatMap(([path, methods]) =>
    Object.keys(methods)
      .filter((key) => ['get', 'put', 'post', 'patch', 'delete'].includes(key))
      .map((method) => `${method.toUpperCase()} ${path}`),
  )
  writeFileSync(
    new URL('cloudflare-others.generated.json', import.meta.url),
    `${JSON.stringify(operations, null, 1)}\n`,
  )
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [, , folder] = process.argv
  if (folder === undefined) throw new Error('usage: node test/contracts/build.ts <folder>')
  build(resolve(folder))
  buildOthers(resolve(folder))
}
