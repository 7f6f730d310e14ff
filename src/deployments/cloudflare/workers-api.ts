import { FormData } from 'undici'
import { z } from 'zod'
import type { TrafficShare } from '../model/app-state.ts'
import type { Compatibility } from '../model/plan.ts'
import type { WorkerModule } from '../model/worker-module.ts'
import { fingerprintOf } from './binding-fingerprint.ts'
import { CloudError } from './errors.ts'
import type { CloudCall, CloudHttp } from './http.ts'
import { retryUntilVisible } from './retry-until-visible.ts'
import { createScriptSettings, type ScriptSettings } from './settings.ts'

export interface WorkerVersion {
  id: string
  number: number
  /** Capstan's mark: the id of the deployment that uploaded the version. */
  tag: string | undefined
  createdOn: string
  /** True if a changed secret made the version: its code is that of the version before it. */
  secretChange: boolean
}

export interface WorkerDeployment {
  id: string
  /** The message of the traffic change; Capstan's names the deployment or rollback. */
  message: string | undefined
  versions: TrafficShare[]
}

/** Gives all traffic to one version. */
export const allTo = (versionId: string): TrafficShare[] => [{ versionId, percentage: 100 }]

/** A binding of a version, which its code accesses by name. */
export interface WorkerBinding {
  type: string
  name: string
  /** The class of a Durable Object binding. */
  className: string | undefined
  /** The Worker that implements the class, if it is another one. */
  scriptName: string | undefined
  /** The fingerprint of everything that the cloud shows of the binding, which is never the value of a secret. */
  fingerprint: string
}

/** The content of a version, except its code. */
export interface VersionContent {
  bindings: WorkerBinding[]
  compatibility: { date: string | undefined; flags: string[] }
}

/** One upload: the code, its bindings and its changes of Durable Object classes. */
export interface WorkerUpload {
  script: string
  modules: WorkerModule[]
  bindings: Record<string, unknown>[]
  /** Bindings that are inherited from an earlier version. */
  kept?: Record<string, unknown>[]
  /** Types of bindings to inherit from the latest version, unless a binding of the same name is given. */
  keepBindings?: string[]
  /** Settings of the script to send again, because an upload of the whole script resets omitted ones. */
  settings?: Record<string, unknown>
  /** Keeps the static files of the latest version. */
  keepAssets?: boolean
  migrations: Record<string, unknown> | undefined
  /** Classes that belong to a container; an omitted class no longer does. */
  containers?: { class_name: string }[]
  compatibility: Compatibility
  tag: string
  message: string
}

export interface ListedScript {
  id: string
  /** The tag of the last Durable Object migration. */
  migrationTag: string | undefined
  hasAssets: boolean
}

/** The calls of Cloudflare's v4 API that deployments need. Only reads are retried inside. */
export interface Cloudflare extends ScriptSettings {
  verifyToken(signal: AbortSignal): Promise<{ status: string }>
  account(signal: AbortSignal): Promise<{ id: string; name: string }>
  scripts(signal: AbortSignal): Promise<ListedScript[]>
  /** Versions, newest first; empty for a script that does not exist. */
  versions(script: string, signal: AbortSignal): Promise<WorkerVersion[]>
  /** Traffic changes, newest first; the first one is in force. Empty for a script that does not exist. */
  deployments(script: string, signal: AbortSignal): Promise<WorkerDeployment[]>
  version(script: string, versionId: string, signal: AbortSignal): Promise<VersionContent>
  namespaces(signal: AbortSignal): Promise<{ id: string; class: string; script: string }[]>
  /** Uploads a version that serves immediately; the only way to create a script or to change its classes. */
  putScript(upload: WorkerUpload, signal: AbortSignal): Promise<void>
  /** Uploads a version that does not serve yet. @returns the version's id */
  createVersion(upload: WorkerUpload, signal: AbortSignal): Promise<string>
  /** Gives the traffic to one version, or shares it between several. */
  deploy(
    script: string,
    deploy: { traffic: TrafficShare[]; message: string; force?: boolean },
    signal: AbortSignal,
  ): Promise<void>
  deleteScript(script: string, signal: AbortSignal): Promise<void>
  /** The account's workers.dev subdomain; undefined if it has none. */
  subdomain(signal: AbortSignal): Promise<string | undefined>
}

const scriptList = z.array(
  z.object({
    id: z.string(),
    migration_tag: z.string().optional(),
    has_assets: z.boolean().optional(),
  }),
)
const annotations = z
  .object({ 'workers/tag': z.string().optional(), 'workers/triggered_by': z.string().optional() })
  .optional()
const versionList = z.object({
  items: z.array(
    z.object({
      id: z.string(),
      number: z.number(),
      annotations,
      metadata: z.object({ created_on: z.string() }),
    }),
  ),
})
const deploymentList = z.object({
  deployments: z.array(
    z.object({
      id: z.string(),
      annotations: z.object({ 'workers/message': z.string().optional() }).optional(),
      versions: z.array(z.object({ version_id: z.string(), percentage: z.number() })),
    }),
  ),
})
const versionDetail = z.object({
  resources: z.object({
    bindings: z
      .array(
        z.looseObject({
          type: z.string(),
          name: z.string(),
          class_name: z.string().optional(),
          script_name: z.string().optional(),
        }),
      )
      .default([]),
    script_runtime: z
      .object({
        compatibility_date: z.string().optional(),
        compatibility_flags: z.array(z.string()).optional(),
      })
      .optional(),
  }),
})
const namespaceList = z.array(
  z.object({ id: z.string(), class: z.string().optional(), script: z.string().optional() }),
)

// "Worker not found" and "Worker has no versions" are valid answers for a script that does not exist yet.
const notFoundCodes = new Set([10007, 10090, 10222, 10215])

/** A client for one account. Answers are checked by shape; unknown fields and enum values are accepted. */
export function createCloudflare(http: CloudHttp, accountId: string): Cloudflare {
  const account = `/accounts/${accountId}`
  const workers = `${account}/workers`
  const scriptPath = (script: string) => `${workers}/scripts/${encodeURIComponent(script)}`
  const orEmpty = async <T>(call: Promise<T>, empty: T): Promise<T> => {
    try {
      return await call
    } catch (error) {
      if (error instanceof CloudError && notFoundCodes.has(error.code)) return empty
      throw error
    }
  }

  return {
    async verifyToken(signal) {
      const verified = z.object({ status: z.string() })
      try {
        return await http.read(verified, { path: '/user/tokens/verify', signal })
      } catch (error) {
        // 1000 may only mean that the account owns the token, not a user.
        if (!(error instanceof CloudError) || error.code !== 1000) throw error
        return http.read(verified, { path: `${account}/tokens/verify`, signal })
      }
    },
    account: (signal) => http.read(z.object({ id: z.string(), name: z.string() }), { path: account, signal }),
    async scripts(signal) {
      const list = await http.read(scriptList, { path: `${workers}/scripts`, signal })
      return list.map((each) => ({
        id: each.id,
        migrationTag: each.migration_tag,
        hasAssets: each.has_assets ?? false,
      }))
    },
    async versions(script, signal) {
      const call: CloudCall = { path: `${scriptPath(script)}/versions?per_page=100`, signal }
      const list = await orEmpty(http.read(versionList, call), { items: [] })
      return list.items.map((each) => ({
        id: each.id,
        number: each.number,
        tag: each.annotations?.['workers/tag'],
        createdOn: each.metadata.created_on,
        secretChange: each.annotations?.['workers/triggered_by'] === 'secret',
      }))
    },
    async deployments(script, signal) {
      const call: CloudCall = { path: `${scriptPath(script)}/deployments`, signal }
      const list = await orEmpty(http.read(deploymentList, call), { deployments: [] })
      return list.deployments.map((each) => ({
        id: each.id,
        message: each.annotations?.['workers/message'],
        versions: each.versions.map((v) => ({ versionId: v.version_id, percentage: v.percentage })),
      }))
    },
    async version(script, versionId, signal) {
      const call: CloudCall = { path: `${scriptPath(script)}/versions/${versionId}`, signal }
      const { bindings, script_runtime: runtime } = (await http.read(versionDetail, call)).resources
      return {
        bindings: bindings.map((binding) => ({
          type: binding.type,
          name: binding.name,
          className: binding.class_name,
          scriptName: binding.script_name,
          fingerprint: fingerprintOf(binding),
        })),
        compatibility: { date: runtime?.compatibility_date, flags: runtime?.compatibility_flags ?? [] },
      }
    },
    async namespaces(signal) {
      const path = `${workers}/durable_objects/namespaces?per_page=1000`
      const list = await http.read(namespaceList, { path, signal })
      return list.flatMap((each) =>
        each.class !== undefined && each.script !== undefined
          ? [{ id: each.id, class: each.class, script: each.script }]
          : [],
      )
    },
    async putScript(upload, signal) {
      const path = `${scriptPath(upload.script)}?bindings_inherit=strict`
      await http.write(z.unknown(), { method: 'PUT', path, ...bodyOf(upload), signal })
    },
    async createVersion(upload, signal) {
      const path = `${scriptPath(upload.script)}/versions?bindings_inherit=strict`
      const made = z.object({ id: z.string() })
      return (await http.write(made, { method: 'POST', path, ...bodyOf(upload), signal })).id
    },
    async deploy(script, { traffic, message, force }, signal) {
      const body = {
        strategy: 'percentage',
        versions: traffic.map(({ versionId, percentage }) => ({ version_id: versionId, percentage })),
        annotations: { 'workers/message': message },
      }
      const path = `${scriptPath(script)}/deployments${force ? '?force=true' : ''}`
      const deploy = () => http.write(z.unknown(), { method: 'POST', path, json: body, signal })
      await retryUntilVisible(deploy, signal)
    },
    async deleteScript(script, signal) {
      const call = { method: 'DELETE' as const, path: `${scriptPath(script)}?force=true`, signal }
      await orEmpty(http.write(z.unknown(), call), undefined)
    },
    async subdomain(signal) {
      const found = z.object({ subdomain: z.string() })
      const call = http.read(found, { path: `${workers}/subdomain`, signal })
      return (await orEmpty<{ subdomain: string | undefined }>(call, { subdomain: undefined })).subdomain
    },
    ...createScriptSettings(http, scriptPath),
  }
}

const bodyOf = (upload: WorkerUpload) => ({
  form: formOf(upload),
  confidential: upload.bindings.flatMap(({ type, text }) =>
    type === 'secret_text' && typeof text === 'string' ? [text] : [],
  ),
})

const contentTypes: Record<WorkerModule['type'], string> = {
  esm: 'application/javascript+module',
  commonjs: 'application/javascript',
  wasm: 'application/wasm',
  text: 'text/plain',
  data: 'application/octet-stream',
  sourcemap: 'application/source-map',
  python: 'text/x-python',
}

/**
 * The multipart body of an upload: `metadata`, and one part per module under the module's name. The official client
 * cannot create it, because it flattens the metadata into form fields.
 */
function formOf(upload: WorkerUpload): FormData {
  const form = new FormData()
  const metadata = {
    main_module: upload.modules[0]?.name,
    ...(upload.compatibility.date === null ? {} : { compatibility_date: upload.compatibility.date }),
    compatibility_flags: upload.compatibility.flags,
    bindings: [...upload.bindings, ...(upload.kept ?? [])],
    ...(upload.keepBindings === undefined ? {} : { keep_bindings: upload.keepBindings }),
    ...(upload.keepAssets ? { keep_assets: true } : {}),
    ...upload.settings,
    ...(upload.containers === undefined ? {} : { containers: upload.containers }),
    ...(upload.migrations === undefined ? {} : { migrations: upload.migrations }),
    annotations: { 'workers/tag': upload.tag, 'workers/message': upload.message },
  }
  form.set('metadata', new Blob([JSON.stringify(metadata)], { type: 'application/json' }))
  for (const module of upload.modules) {
    const bytes = Buffer.from(module.content, 'base64')
    form.set(module.name, new Blob([bytes], { type: contentTypes[module.type] }), module.name)
  }
  return form
}
