import type { ContainerSpec } from '../cloudflare/containers-api.ts'
import type { TrafficShare } from '../cloudflare/workers-api.ts'

/** A binding of the version that serves; its value is known by a fingerprint only, that of a secret not at all. */
export interface PresentBinding {
  type: string
  name: string
  /** The version that it is of. */
  versionId: string
  className?: string
  /** Of a Durable Object class that another Worker implements. */
  scriptName?: string
  fingerprint: string
}

/** What the cloud has of an app: a plan is made against it, and holds only as long as it is the same. */
export interface AppState {
  exists: boolean
  /** The versions that serve, and their shares. */
  traffic: TrafficShare[]
  /** Who gave it to them, by the message of that change; of ours it is the id of the deployment. */
  trafficMessage?: string
  migrationTag: string | null
  hasAssets: boolean
  /** Of the versions that serve. */
  bindings: PresentBinding[]
  compatibility: { date: string | null; flags: string[] }
  workersDev: boolean
  previewUrls: boolean
  /** Settings of the script that no version has, by name. */
  settings: Record<string, unknown>
  /** The Worker that each host name of the plan leads to; null: to none. */
  hostnames: Record<string, string | null>
  /** What the class of the plan's container runs, null: nothing; absent for a plan without a container. */
  container?: ContainerSpec | null
}

/** A state that a plan was made against. */
export interface Basis extends AppState {
  /** Deployments of the app that had ended by then, with the time: what one of them sent may still arrive late. */
  ended: Record<string, string>
}

export type BindingKind = 'variable' | 'secret' | 'binding'

export interface NamedBinding {
  kind: BindingKind
  name: string
}

/** What a return to earlier versions does to the secrets and variables of an app. */
export interface BindingReturn {
  /** Of the earlier version only. */
  returning: NamedBinding[]
  /** Of the present version only. */
  disappearing: NamedBinding[]
  /** Of both, with another value; of a secret it can only be said that its value may be another one. */
  reverting: NamedBinding[]
}
