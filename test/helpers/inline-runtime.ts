import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { posix } from 'node:path'
import { Readable } from 'node:stream'
import { transform } from 'esbuild'
import { ApiError } from '../../src/local-cloud/errors.ts'
import { leadOf, type Runnable, type Serving } from '../../src/local-cloud/runtime/groups/group.ts'
import { varsOf } from '../../src/local-cloud/runtime/options/vars.ts'
import type { Candidate, StartupReport } from '../../src/local-cloud/runtime/startup/check.ts'
import type { StartOptions, WorkerRuntime } from '../../src/local-cloud/worker-runtime.ts'
import { serveAsset } from './inline-assets.ts'

type Exports = Record<string, unknown>
type Methods = Record<string, (...args: unknown[]) => unknown>
type Class = new (ctx: object, env: object) => Methods
type Handler = (request: Request) => Promise<Response>

/** The exports of `cloudflare:workers` that tests use. */
class Entrypoint {
  readonly ctx: object
  readonly env: object

  constructor(ctx: object, env: object) {
    this.ctx = ctx
    this.env = env
  }
}
class DurableObject extends Entrypoint {}
class WorkerEntrypoint extends Entrypoint {}
class WorkflowEntrypoint extends Entrypoint {}
const cloudflareWorkers = { DurableObject, WorkerEntrypoint, WorkflowEntrypoint }

/**
 * Executes Workers in this process, for tests of Capstan's decisions: a start takes a millisecond instead
 * of half a second of a core. Supports JavaScript modules, variables and the key-value storage of Durable Objects; for
 * limits, logs, alarms and the rest use workerd. test/local-cloud/inline-runtime.test.ts compares the two.
 */
export function createInlineRuntime(): WorkerRuntime {
  /** Storage by namespace id and object name. It outlives the Workers, like the files of Durable Objects. */
  const storages = new Map<string, Map<string, unknown>>()
  return {
    async report(candidate) {
      const began = performance.now()
      const exports = await load(candidate)
      return { startupTimeMs: Math.round(performance.now() - began), ...describeExports(exports) }
    },
    async start({ scripts }, options) {
      const started = await Promise.all(scripts.map((script) => serveScript(script, storages, options)))
      const servers = started.flat()
      const exited = Promise.withResolvers<void>()
      let alive = true
      return {
        get alive() {
          return alive
        },
        exited: exited.promise,
        gate: {},
        url: (id) => servers.find((server) => server.id === id)?.url,
        async stop() {
          alive = false
          await Promise.all(servers.map((server) => server.close()))
          exited.resolve()
        },
        expectExit: async () => undefined,
      }
    },
    close: () => undefined,
  }
}

async function serveScript(
  serving: Serving,
  storages: Map<string, Map<string, unknown>>,
  options: StartOptions,
) {
  const { runnables } = serving
  const host = leadOf(serving)
  const classes = host === undefined || host.modules.length === 0 ? {} : await load(codeOf(host))
  const objects = createObjects(serving, classes, storages)
  return await Promise.all(runnables.map((each) => serve(each, objects, options)))
}

const codeOf = ({ version, modules }: Runnable) => ({ mainModule: version.code.mainModule, modules })

/** @throws ApiError 10021 with the error that the modules throw. */
async function load({ mainModule, modules }: Pick<Candidate, 'mainModule' | 'modules'>): Promise<Exports> {
  const loaded = new Map<string, { exports: Exports }>()
  const compile = async ({ name, content }: (typeof modules)[number]) => {
    const { code } = await transform(content.toString('utf8'), { format: 'cjs', sourcefile: name })
    return [name, new Function('require', 'module', 'exports', code)] as const
  }
  const evaluate = (name: string): Exports => {
    if (name === 'cloudflare:workers') return cloudflareWorkers
    const present = loaded.get(name)
    if (present !== undefined) return present.exports
    const body = compiled.get(name)
    if (body === undefined) throw new Error(`No such module "${name}".`)
    const module = { exports: {} }
    loaded.set(name, module)
    const require = (specifier: string) =>
      evaluate(specifier.startsWith('.') ? posix.join(posix.dirname(name), specifier) : specifier)
    body(require, module, module.exports)
    return module.exports
  }
  let compiled = new Map<string, (...args: unknown[]) => unknown>()
  try {
    compiled = new Map(await Promise.all(modules.map(compile))) as typeof compiled
    return evaluate(mainModule)
  } catch (error) {
    throw new ApiError('invalidScript', `Uncaught ${syntaxErrorOf(error) ?? error}`)
  }
}

/** esbuild's error for code that is not valid JavaScript. */
function syntaxErrorOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('errors' in error) || !Array.isArray(error.errors)) return undefined
  const [{ text, location }] = error.errors
  return `SyntaxError: ${text}\n  at ${location?.file}:${location?.line}:${location?.column}`
}

const isClass = (value: unknown): value is Class =>
  typeof value === 'function' && value.prototype !== undefined
const isEntrypoint = (value: Class) =>
  [WorkerEntrypoint, WorkflowEntrypoint].some((base) => value.prototype instanceof base)

/** Describes errors in the same way as the startup check of workerd. */
function describeExports(exports: Exports): Omit<StartupReport, 'startupTimeMs'> {
  const { default: main, ...named } = exports
  const entries = Object.entries(named)
  const classes = entries.filter(([, value]) => isClass(value) && !isEntrypoint(value)).map(([name]) => name)
  return {
    handlers: handlersOf(main),
    namedHandlers: entries.map(([name, value]) => ({
      name,
      handlers: isClass(value) ? ['class'] : handlersOf(value),
    })),
    classes: [...(isClass(main) && !isEntrypoint(main) ? ['default'] : []), ...classes],
  }
}

function handlersOf(value: unknown): string[] {
  const names = new Set<string>()
  const first: unknown = isClass(value) ? value.prototype : value
  for (let at = first; at instanceof Object && at !== Object.prototype; at = Object.getPrototypeOf(at)) {
    for (const [name, property] of Object.entries(Object.getOwnPropertyDescriptors(at))) {
      if (name !== 'constructor' && typeof property.value === 'function') names.add(name)
    }
    if (at === WorkerEntrypoint.prototype) break
  }
  return [...names]
}

type Objects = ReturnType<typeof createObjects>

/** The Durable Objects of a script: the newest version's classes hold them for all versions. */
function createObjects(
  { namespaces }: Serving,
  classes: Exports,
  storages: Map<string, Map<string, unknown>>,
) {
  const instances = new Map<string, Methods>()
  const instanceOf = (className: string, namespaceId: string, name: string, env: object): Methods => {
    const key = `${namespaceId}/${name}`
    const storage = storages.get(key) ?? new Map<string, unknown>()
    storages.set(key, storage)
    const present = instances.get(key)
    if (present !== undefined) return present
    const found = classes[className]
    if (!isClass(found)) throw new Error(`There is no class ${className}`)
    const ctx = {
      storage: {
        get: async (key: string) => storage.get(key),
        put: async (key: string, value: unknown) => void storage.set(key, value),
      },
    }
    const instance = new found(ctx, env)
    instances.set(key, instance)
    return instance
  }
  return {
    /** The namespaces that the version is bound to, by the names of its bindings. */
    bindingsOf({ version }: Runnable, env: object): object {
      const bound = version.bindings.flatMap((binding) => {
        if (binding.type !== 'durable_object_namespace') return []
        const namespace = namespaces.find(({ className }) => className === binding.class_name)
        if (namespace === undefined) return []
        const { className, namespaceId } = namespace
        const get = (name: string) => stubOf(() => instanceOf(className, namespaceId, name, env))
        return [[binding.name, { idFromName: (name: string) => name, get, getByName: get }] as const]
      })
      return Object.fromEntries(bound)
    },
  }
}

/**
 * A stub whose calls are asynchronous. The first call creates the object, so it rejects with the constructor's error.
 * The stub itself is not a promise.
 */
function stubOf(find: () => Methods): object {
  const call =
    (method: string) =>
    async (...args: unknown[]) =>
      await find()[method]?.(...args)
  return new Proxy({}, { get: (_, method) => (method === 'then' ? undefined : call(String(method))) })
}

async function serve(runnable: Runnable, objects: Objects, { onLog }: StartOptions) {
  const { id, annotations, createdOn, bindings } = runnable.version
  const env = varsOf(bindings, { id, tag: annotations['workers/tag'] ?? '', timestamp: createdOn })
  Object.assign(env, objects.bindingsOf(runnable, env))
  const asset = (request: Request) => serveAsset(runnable, request)
  for (const { type, name } of bindings) {
    if (type === 'assets')
      Object.assign(env, { [name]: { fetch: async (url: string) => asset(new Request(url)) } })
  }
  const code = runnable.modules.length === 0 ? noCode : handlerOf(await load(codeOf(runnable)), env)
  const handle: Handler = async (request) => asset(request) ?? (await code(request))
  const server = createServer((req, res) => {
    respond(handle, req, res).catch((error) => {
      onLog('error', `Uncaught ${error}`, { origin: 'exception', versionId: id })
      if (res.headersSent) res.destroy()
      else res.writeHead(500).end('Internal Server Error')
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    id,
    url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`),
    async close() {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}

/** The handler of a Worker of assets only. */
const noCode: Handler = async () => new Response('Not Found', { status: 404 })

function handlerOf({ default: main }: Exports, env: object): Handler {
  const ctx = { waitUntil: () => undefined, passThroughOnException: () => undefined }
  const target = (isClass(main) ? new main(ctx, env) : main) as Methods
  return async (request) => {
    const response = await target.fetch?.(request, env, ctx)
    if (!(response instanceof Response)) throw new TypeError('The handler returned no Response')
    return response
  }
}

async function respond(handle: Handler, req: IncomingMessage, res: ServerResponse): Promise<void> {
  const { method = 'GET', url = '/', headers } = req
  const hasBody = method !== 'GET' && method !== 'HEAD'
  const sent = Object.entries(headers).map(([name, value]) => [name, String(value)] as [string, string])
  const request = new Request(`http://${headers.host}${url}`, {
    method,
    headers: sent,
    ...(hasBody ? { body: Readable.toWeb(req) as ReadableStream, duplex: 'half' } : {}),
  })
  const response = await handle(request)
  const body = Buffer.from(await response.arrayBuffer())
  res.writeHead(response.status, [...response.headers].flat())
  res.end(body)
}
