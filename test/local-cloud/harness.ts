import { mkdtempSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, onTestFinished } from 'vitest'
import { type LocalCloud, type LocalCloudLog, startLocalCloud } from '../../src/local-cloud/index.ts'
import type { WorkerRuntime } from '../../src/local-cloud/worker-runtime.ts'
import { createInlineRuntime } from '../helpers/inline-runtime.ts'
import { assertConforms } from './contract/contract.ts'

export const accountId = '0123456789abcdef0123456789abcdef'
export const token = 'a-token-of-this-test-and-no-other'

export interface Reply {
  status: number
  headers: Headers
  code: number | undefined
  message: string
  // biome-ignore lint/suspicious/noExplicitAny: answers are checked against the contract; tests assert their fields
  result: any
  // biome-ignore lint/suspicious/noExplicitAny: as above
  body: any
}

export interface Metadata {
  main_module?: string
  bindings?: object[]
  [field: string]: unknown
}

export interface Module {
  name: string
  content: string | Uint8Array<ArrayBuffer>
  type?: string
}

/**
 * Registers a cleanup that runs after the test, before those registered earlier. A hook at the top of this module
 * would run only for the first test file of a worker, because the files of a worker share their modules.
 */
export function onCleanup(cleanup: () => Promise<void>): void {
  onTestFinished(cleanup)
}

export function temporaryDir(): string {
  const directory = mkdtempSync(join(tmpdir(), 'local-cloud-'))
  onCleanup(async () => rmSync(directory, { recursive: true, force: true }))
  return directory
}

export interface TestCloud extends LocalCloud {
  logged: string[]
  call(method: string, path: string, body?: unknown): Promise<Reply>
  /** Calls a path of a script: `/accounts/.../scripts/<name><rest>`. */
  script(method: string, rest: string, body?: unknown): Promise<Reply>
  put(name: string, metadata: Metadata, modules?: Module[], query?: string): Promise<Reply>
  upload(name: string, metadata: Metadata, modules?: Module[], query?: string): Promise<Reply>
  deploy(name: string, versionId: string, query?: string): Promise<Reply>
  /** Enables the script's address and sends a request to it. */
  get(name: string, path?: string): Promise<{ status: number; text: string }>
  publish(name: string): Promise<void>
}

/** A cloud for one test, which ends with it. */
export async function startCloud(dataDir = temporaryDir(), zones: string[] = []): Promise<TestCloud> {
  const cloud = await openCloud(dataDir, zones)
  onCleanup(() => cloud.stop())
  return cloud
}

/** A cloud for one test that runs Workers in this process: for tests of the API, not of what only workerd does. */
export async function startInlineCloud(zones: string[] = []): Promise<TestCloud> {
  const cloud = await openCloud(temporaryDir(), zones, createInlineRuntime())
  onCleanup(() => cloud.stop())
  return cloud
}

/** A cloud for all tests of a file, each of which has Workers of its own. To be called outside of tests. */
export function shareCloud(): () => TestCloud {
  let cloud: TestCloud
  const dataDir = mkdtempSync(join(tmpdir(), 'local-cloud-'))
  beforeAll(async () => {
    cloud = await openCloud(dataDir)
  })
  afterAll(async () => {
    await cloud.stop()
    rmSync(dataDir, { recursive: true, force: true })
  })
  return () => cloud
}

async function openCloud(dataDir: string, zones: string[] = [], runtime?: WorkerRuntime): Promise<TestCloud> {
  const logged: string[] = []
  const write = (fields: object, message: string) => logged.push(`${message} ${JSON.stringify(fields)}`)
  const log: LocalCloudLog = { debug: write, info: write, warn: write, error: write }
  const cloud = await startLocalCloud({
    host: '127.0.0.1',
    port: 0,
    dataDir,
    token,
    accountId,
    zones,
    log,
    runtime,
  })
  return { ...cloud, logged, ...clientOf(cloud) }
}

/** The calls of a test to a cloud in this or another process. */
export function clientOf(cloud: LocalCloud) {
  const call = async (method: string, path: string, body?: unknown): Promise<Reply> => {
    const multipart = body instanceof FormData
    const json = body === undefined || multipart ? {} : { 'content-type': 'application/json' }
    const response = await fetch(`${cloud.url}/client/v4${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, ...json },
      ...(body === undefined ? {} : { body: multipart ? body : JSON.stringify(body) }),
    })
    const answer = (await response.json()) as Reply['body']
    const sent = multipart ? { metadata: JSON.parse(String(body.get('metadata'))) } : body
    assertConforms(method, path.replace(/\?.*/, ''), response.status, sent, answer)
    const [error] = answer.errors
    const { status, headers } = response
    return {
      status,
      headers,
      code: error?.code,
      message: error?.message ?? '',
      result: answer.result,
      body: answer,
    }
  }
  const scripts = `/accounts/${accountId}/workers/scripts`
  const publish = async (name: string) =>
    void (await call('POST', `${scripts}/${name}/subdomain`, { enabled: true }))
  return {
    call,
    script: (method: string, rest: string, body?: unknown) => call(method, `${scripts}/${rest}`, body),
    put: (name: string, metadata: Metadata, modules?: Module[], query = '') =>
      call('PUT', `${scripts}/${name}${query}`, form(metadata, modules)),
    upload: (name: string, metadata: Metadata, modules?: Module[], query = '') =>
      call('POST', `${scripts}/${name}/versions${query}`, form(metadata, modules)),
    deploy: (name: string, versionId: string, query = '') =>
      call('POST', `${scripts}/${name}/deployments${query}`, {
        strategy: 'percentage',
        versions: [{ version_id: versionId, percentage: 100 }],
      }),
    get: (name: string, path = '/') => getText(cloud, `${name}.localhost`, path),
    publish,
  }
}

/** Sends a request with the given Host header, which fetch does not allow. */
export function getText(
  cloud: LocalCloud,
  host: string,
  path = '/',
): Promise<{ status: number; text: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; text: string }>()
  const req = request(
    { host: '127.0.0.1', port: cloud.port, path, headers: { host }, agent: false },
    (res) => {
      const chunks: Buffer[] = []
      res.on('data', (chunk: Buffer) => chunks.push(chunk))
      res.on('end', () => resolve({ status: res.statusCode ?? 0, text: Buffer.concat(chunks).toString() }))
      res.on('error', reject)
    },
  )
  req.on('error', reject).end()
  return promise
}

export function form(
  metadata: Metadata,
  modules: Module[] = [{ name: 'main.js', content: hello('hello') }],
): FormData {
  const body = new FormData()
  const whole = { main_module: modules[0]?.name, compatibility_date: '2026-01-01', ...metadata }
  body.set('metadata', JSON.stringify(whole))
  for (const { name, content, type = 'application/javascript+module' } of modules) {
    body.set(name, new File([content], name, { type }))
  }
  return body
}

export const hello = (text: string): string =>
  `export default { fetch: () => new Response(${JSON.stringify(text)}) }`

/** A Worker that counts in a Durable Object of the given class, bound as COUNTER. `label` identifies the version. */
export function counter(label: string, className = 'Counter'): Module[] {
  const content = `
    import { DurableObject } from 'cloudflare:workers'
    export class ${className} extends DurableObject {
      async next() {
        const count = ((await this.ctx.storage.get('count')) ?? 0) + 1
        await this.ctx.storage.put('count', count)
        return count
      }
    }
    export default {
      async fetch(request, env) {
        const count = await env.COUNTER.get(env.COUNTER.idFromName('one')).next()
        return new Response('${label} ' + count)
      },
    }`
  return [{ name: 'main.js', content }]
}

export const counterBinding = (className = 'Counter') => ({
  type: 'durable_object_namespace',
  name: 'COUNTER',
  class_name: className,
})

export const firstMigration = { new_tag: 'v1', new_sqlite_classes: ['Counter'] }

/** The version id in the response of an upload. */
export const versionIdOf = ({ result }: Reply): string =>
  result.deployment_id.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
