/** A version and its share of the traffic. */
export interface TrafficShare {
  versionId: string
  /** In percent. */
  percentage: number
}

/** The image and size of a container application. */
export interface ContainerSpec {
  image: string
  instanceType: string | undefined
  maxInstances: number
}

/** A binding of a serving version. Its value is kept as a fingerprint; the value of a secret is unknown. */
export interface PresentBinding {
  type: string
  name: string
  /** The version that has the binding. */
  versionId: string
  className?: string
  /** The Worker that implements the Durable Object class, if it is another one. */
  scriptName?: string
  fingerprint: string
}

/** The consumer of a queue. Its id is left out, because it changes when the consumer is restored. */
export interface ConsumerState {
  /** The Worker that receives the messages; null if they are fetched over HTTP. */
  script: string | null
  /** The queue of messages that could not be delivered; null if there is none. */
  deadLetterQueue: string | null
  settings: Record<string, unknown>
}

export interface PresentWorkflow {
  script: string
  className: string
  /** The rest of the definition: limits, concurrency, retention and schedules, as far as they are set. */
  definition: Record<string, unknown>
}

/** The state of what starts an app besides requests; only of the parts that a plan mentions. */
export interface TriggerState {
  /** The cron expressions of the script, sorted. */
  schedules?: string[]
  /** The consumer by the name of its queue; null if the queue has none, or does not exist. */
  consumers: Record<string, ConsumerState | null>
  /** By name; null if it does not exist. */
  workflows: Record<string, PresentWorkflow | null>
  /** The names of queues that do not exist. */
  missingQueues: string[]
}

/** The state of an app at the cloud. A plan is made for one state, and is valid only while the state is the same. */
export interface AppState {
  exists: boolean
  /** The serving versions and their shares. */
  traffic: TrafficShare[]
  /** The message of the last traffic change; for a change by Capstan it names the deployment. */
  trafficMessage?: string
  migrationTag: string | null
  hasAssets: boolean
  /** The bindings of the serving versions. */
  bindings: PresentBinding[]
  compatibility: { date: string | null; flags: string[] }
  /** The limits and the placement of the serving version; absent in states that were read without the versions. */
  versionSettings?: Record<string, unknown>
  workersDev: boolean
  previewUrls: boolean
  /** Settings of the script as opposed to its versions, by name. */
  settings: Record<string, unknown>
  /** The Worker that each host name of the plan is routed to; null for none. */
  hostnames: Record<string, string | null>
  /** The ids of the resources that the plan finds by name or creates, by binding; null for those that do not exist. */
  resources?: Record<string, string | null>
  /** The container of the plan's container class, null if it has none; absent for a plan without a container. */
  container?: ContainerSpec | null
  /** Absent for a plan without triggers. */
  triggers?: TriggerState
}

/** The state that a plan was made for. */
export interface Basis extends AppState {
  /** Deployments of the app that had ended before the plan, with the time. Their calls may still arrive late. */
  ended: Record<string, string>
}

export type BindingKind = 'variable' | 'secret' | 'binding'

export interface NamedBinding {
  kind: BindingKind
  name: string
}

/** The effect of a return to earlier versions on the secrets and variables of an app. */
export interface BindingReturn {
  /** Bindings that only the earlier version has. */
  returning: NamedBinding[]
  /** Bindings that only the present version has. */
  disappearing: NamedBinding[]
  /** Bindings of both versions whose values differ. The values of secrets are unknown and only may differ. */
  reverting: NamedBinding[]
}
