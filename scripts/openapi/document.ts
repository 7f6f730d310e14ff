import type { Route } from '../../src/platform/http/index.ts'
import type { OperationDescription } from '../../src/platform/operations/index.ts'
import type { SocketRoute } from '../../src/platform/sockets/index.ts'
import { type Components, createComponents, type Json } from './components.ts'
import { errorResponse, errorSchemas } from './errors.ts'
import { parametersOf, sharedParameters } from './parameters.ts'
import { mediaType, responsesOf, sharedHeaders } from './responses.ts'
import { securityOf, securitySchemes } from './security.ts'

/** Builds the OpenAPI 3.1 document of all routes and sockets. @param version of the service */
export async function buildDocument(table: {
  routes: readonly Route[]
  sockets: readonly SocketRoute[]
  version: string
}): Promise<object> {
  const components = createComponents()
  for (const [name, schema] of Object.entries(errorSchemas())) components.add(name, schema)
  const paths: Record<string, Json> = {}
  const ids = new Set<string>()
  const add = (path: string, method: string, operation: Json) => {
    const id = String(operation.operationId)
    if (ids.has(id)) throw new Error(`two operations have the id ${id}`)
    ids.add(id)
    paths[path] = { ...paths[path], [method]: operation }
  }
  for (const route of table.routes) {
    const description = await route.operation.describe()
    add(documentPath(route.path), route.method, operationOf(components, route, description))
  }
  for (const socket of table.sockets) add(socket.path, 'get', await socketOf(components, socket))
  const used = new Set([...table.routes, ...table.sockets].map(({ operation }) => operation.tag))
  return {
    openapi: '3.1.0',
    info: {
      title: 'Capstan API',
      version: table.version,
      description: about,
      license: { name: 'UNLICENSED' },
    },
    servers: [{ url: '/', description: 'This installation' }],
    tags: tags.filter(({ name }) => used.has(name)),
    paths,
    components: {
      schemas: components.schemas,
      responses: components.responses,
      headers: sharedHeaders,
      parameters: sharedParameters,
      securitySchemes,
    },
  }
}

const documentPath = (path: string) => path.replace(/[:*](\w+)/g, '{$1}')

function operationOf(components: Components, route: Route, description: OperationDescription): Json {
  const { id, tag } = route.operation
  const body = bodyOf(components, route, description)
  const parameters = parametersOf(components, route, description)
  return {
    operationId: id,
    tags: [tag],
    summary: description.summary,
    ...(description.description === undefined ? {} : { description: description.description }),
    'x-access': route.access,
    security: securityOf(route),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(body === undefined ? {} : { requestBody: body }),
    responses: responsesOf(components, route, description),
  }
}

function bodyOf(components: Components, route: Route, description: OperationDescription): Json | undefined {
  if (description.body !== undefined) {
    const { required, content } = description.body
    const types = Object.entries(content).map(([type, each]) => [type, mediaType(components, each, 'input')])
    return { required, content: Object.fromEntries(types) }
  }
  if (route.body === undefined) return undefined
  const { id } = route.operation
  const schema = components.add(
    `${id.charAt(0).toUpperCase()}${id.slice(1)}Body`,
    components.convert(route.body, 'input'),
  )
  // A body whose fields all have defaults can be left out.
  return { required: !route.body.safeParse(undefined).success, content: { 'application/json': { schema } } }
}

/** A WebSocket as the handshake that opens it; OpenAPI has no form for its messages. */
async function socketOf(components: Components, socket: SocketRoute): Promise<Json> {
  const { id, tag } = socket.operation
  const { summary, description, messages, closeCodes } = await socket.operation.describe()
  return {
    operationId: id,
    tags: [tag],
    summary,
    ...(description === undefined ? {} : { description }),
    'x-access': socket.access,
    'x-websocket': {
      toClient: components.convert(messages.toClient, 'output'),
      toServer: components.convert(messages.toServer, 'input'),
      protocol: socket.protocol,
      closeCodes,
    },
    security: [{ bearer: [] }],
    parameters: [{ in: 'query', name: 'token', required: false, schema: { type: 'string' } }],
    responses: {
      101: { description: 'The socket is open, also if the token is refused: it is then closed at once' },
      404: errorResponse(components, 404, new Set(['SYS_005'])),
    },
  }
}

const about = `Release operations: deployments, versions, nodes of a bridge, and binary releases.

Every error has the same envelope (\`Error\`) with a code. New fields may be added to answers at any time.
A request that is not HTTP is answered with the same envelope and status 400, 408 or 431; a method that a path does not have
with 405 and \`Allow\`. HEAD is answered wherever GET is. Times are ISO 8601 in UTC.`

const tags = [
  { name: 'deployments', description: 'Plans, deployments, rollbacks, credentials' },
  { name: 'release-tracker', description: 'What runs where, since when; badges' },
  { name: 'orchestrators', description: 'The nodes of a bridge and their state' },
  { name: 'binary-releases', description: 'Publishing and downloading binaries' },
  { name: 'jobs', description: 'Background work' },
  { name: 'accounts', description: 'Users, signing in, API tokens' },
  { name: 'health', description: 'Probes' },
  { name: 'reference', description: 'This document' },
  { name: 'console', description: 'Pages for operators' },
]
