import type { TrafficShare } from '../../model/app-state.ts'
import type { AssetConfig } from '../../model/request/assets.ts'
import type { Compatibility } from '../../model/request/code.ts'
import type { UploadModule } from '../../model/worker-module.ts'
import type { AssetUploads } from './assets.ts'
import type { ScriptSettings } from './settings.ts'

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
  /** What the Worker handles, such as `fetch` and `scheduled`; undefined if the cloud does not say it. */
  handlers: string[] | undefined
  /** The limits of a request; undefined if the version has none of its own. */
  limits: Record<string, unknown> | undefined
}

/** One upload: the code, its bindings and its changes of Durable Object classes. */
export interface WorkerUpload {
  script: string
  /** The main module first; none for an app of static files. */
  modules: UploadModule[]
  bindings: Record<string, unknown>[]
  /** Bindings that are inherited from an earlier version. */
  kept?: Record<string, unknown>[]
  /** Types of bindings to inherit from the latest version, unless a binding of the same name is given. */
  keepBindings?: string[]
  /** Settings of the script to send again, because an upload of the whole script resets omitted ones. */
  settings?: Record<string, unknown>
  /** Keeps the static files of the latest version. */
  keepAssets?: boolean
  /** The token of uploaded static files, and how they are served. */
  assets?: { jwt: string; config: AssetConfig }
  migrations: Record<string, unknown> | undefined
  /** The declaration of classes, in place of migrations. */
  exports?: Record<string, unknown>
  /** Classes that belong to a container; an omitted class no longer does. */
  containers?: { class_name: string }[]
  compatibility: Compatibility
  /** Further fields of the metadata, which are passed through. */
  metadata?: Record<string, unknown>
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
export interface Cloudflare extends ScriptSettings, AssetUploads {
  verifyToken(signal: AbortSignal): Promise<{ status: string }>
  account(signal: AbortSignal): Promise<{ id: string; name: string }>
  scripts(signal: AbortSignal): Promise<ListedScript[]>
  /** Versions, newest first; empty for a script that does not exist. */
  versions(script: string, signal: AbortSignal): Promise<WorkerVersion[]>
  /** Traffic changes, newest first; the first one is in force. Empty for a script that does not exist. */
  deployments(script: string, signal: AbortSignal): Promise<WorkerDeployment[]>
  version(script: string, versionId: string, signal: AbortSignal): Promise<VersionContent>
  /** Where the script runs, as an upload names it; undefined for the default. */
  placement(script: string, signal: AbortSignal): Promise<Record<string, unknown> | undefined>
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
