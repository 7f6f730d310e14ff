import { timingSafeEqual } from 'node:crypto'
import type { Knex } from 'knex'
import type { Dispatcher } from 'undici'
import { type CodedError, dependencyFailed } from '../../platform/errors.ts'
import { type ContainerApi, createContainerApi } from '../cloudflare/containers-api.ts'
import { type CloudHttp, createCloudHttp } from '../cloudflare/http.ts'
import { createBudget } from '../cloudflare/rate-budget/index.ts'
import { createResourceApi, type ResourceApi } from '../cloudflare/resources/index.ts'
import { createTriggersApi, type TriggersApi } from '../cloudflare/triggers/api.ts'
import { type Cloudflare, createCloudflare } from '../cloudflare/workers-api.ts'
import { createZoneApi, type ZoneApi } from '../cloudflare/zones-api.ts'
import type { CloudflareCredentials, DeploymentsConfig, Environment } from '../config.ts'
import { localProof, type VersionProof } from '../version-proof/proof.ts'
import { openTailProof } from '../version-proof/tail.ts'
import { localLogs, type WorkerLine } from './local-logs.ts'
import type { Vault } from './vault.ts'
import { recordWrites, type WritingRun } from './write-record.ts'

/** An address for requests to an app. */
export interface Address {
  /** The URL as shown to users, without a path. */
  base: string
  /** The URL to request. */
  url: string
  /** The Host header, if it differs from the host of the URL. */
  host?: string
}

/** The deploy target of an environment. */
export interface Target {
  kind: 'cloudflare' | 'local'
  baseUrl: string
  accountId: string
  /** The client for the account, within its rate limit. */
  http: CloudHttp
  cloud: Cloudflare
  containers: ContainerApi
  zones: ZoneApi
  resources: ResourceApi
  triggers: TriggersApi
  /** The milliseconds in which a call without an answer may still arrive. */
  settleMs: number
  /** The database's time, which is used to record when calls were sent. */
  now(): Date
  /** The time limit of a container rollout in milliseconds. */
  rolloutMs: number
  /** The last log lines of a script, oldest first; undefined if only a live tail provides them. */
  logsOf(script: string, signal: AbortSignal): Promise<WorkerLine[] | undefined>
  /** Opens the proof of which version of a script answers; rejects if the cloud offers none. */
  proveVersions(script: string, signal: AbortSignal): Promise<VersionProof>
  /** The workers.dev address of a script, given the account's subdomain. */
  urlOf(script: string, subdomain: string | undefined): string | undefined
  /** The address for requests to a host name of an app. */
  addressOf(host: string, path: string): Address
  /** The target for one run: each write requires the run's lease, and is recorded until it is answered. */
  forRun(run: WritingRun): Target
}

/** The source of an environment's credentials. */
export type CredentialSource = 'stored' | 'environment' | 'local-cloud'

export interface Targets {
  /** Reads the database each time, so that all processes use replaced credentials at once. @throws STATE_003 */
  of(environment: Environment): Promise<Target>
  /** The source of the credentials; undefined if the environment is not configured. */
  sourceOf(environment: Environment): Promise<CredentialSource | undefined>
  /** A client for inspecting credentials. Those of the local cloud are recognized by their account or token. */
  connect(given: { apiToken: string; accountId?: string }): Promise<CloudHttp>
}

export interface TargetsConfig extends Pick<DeploymentsConfig, 'cloudflare'> {
  /** The port of the local cloud, if this installation has one. */
  localCloud: { enabled: boolean; port: number }
}

export interface TargetsOptions {
  db: Knex
  config: TargetsConfig
  vault: Vault
  /** The connection pool of the process. */
  dispatcher: Dispatcher
  /** The local cloud's account and token; called only if the local cloud is enabled. */
  localCredentials: () => Promise<CloudflareCredentials>
  now?: () => Date
}

export function createTargets(options: TargetsOptions): Targets {
  const { config, vault, dispatcher, now = () => new Date() } = options
  const cachedTargets = new Map<Environment, { credentials: CloudflareCredentials; target: Target }>()
  const settleMs = config.cloudflare.settleSeconds * 1000
  const answerMs = config.cloudflare.answerSeconds * 1000
  // Calls on the same machine arrive within a short time.
  const localSettleMs = Math.min(settleMs, 5000)
  const localUrl = `http://127.0.0.1:${config.localCloud.port}/client/v4`
  const local = async () => (config.localCloud.enabled ? options.localCredentials() : undefined)

  async function credentialsOf(environment: Environment) {
    const stored = await vault.open(environment)
    if (stored !== undefined) return { credentials: stored, source: 'stored' as const }
    const given = config.cloudflare.credentials[environment]
    if (given !== undefined) return { credentials: given, source: 'environment' as const }
    const own = await local()
    return own && { credentials: own, source: 'local-cloud' as const }
  }

  function make(environment: Environment, access: { credentials: CloudflareCredentials; isLocal: boolean }) {
    const { credentials, isLocal } = access
    const baseUrl = isLocal ? localUrl : config.cloudflare.baseUrl
    const { accountId, apiToken } = credentials
    const budget = createBudget(options.db, accountId)
    const renew = async (rejected: string) => {
      const now = (await credentialsOf(environment))?.credentials
      return now?.accountId === accountId && now.apiToken !== rejected ? now.apiToken : undefined
    }
    const http = createCloudHttp({ baseUrl, apiToken, dispatcher, budget, renew, answerMs })
    const { port } = config.localCloud
    const urlOf = (script: string, subdomain: string | undefined) => {
      if (isLocal) return `http://${script}.localhost:${port}`
      return subdomain === undefined ? undefined : `https://${script}.${subdomain}.workers.dev`
    }
    const addressOf = (host: string, path: string): Address => {
      const base = isLocal ? `http://${host}:${port}` : `https://${host}`
      // No resolver knows the host names of the local cloud.
      if (isLocal) return { base, url: `http://127.0.0.1:${port}${path}`, host: `${host}:${port}` }
      return { base, url: `${base}${path}` }
    }
    const kind = isLocal ? ('local' as const) : ('cloudflare' as const)
    const createTarget = (http: CloudHttp): Target => ({
      kind,
      baseUrl,
      accountId,
      http,
      cloud: createCloudflare(http, accountId),
      containers: createContainerApi(http, accountId),
      zones: createZoneApi(http, accountId),
      resources: createResourceApi(http, accountId),
      triggers: createTriggersApi(http, accountId),
      rolloutMs: config.cloudflare.rolloutSeconds * 1000,
      settleMs: isLocal ? localSettleMs : settleMs,
      now,
      urlOf,
      addressOf,
      logsOf: async (script, signal) =>
        isLocal ? await localLogs({ baseUrl, apiToken, dispatcher }, script, signal) : undefined,
      proveVersions: async (script, signal) =>
        isLocal ? localProof : openTailProof({ http, dispatcher, accountId, script, signal }),
      forRun: (run) => {
        const record = recordWrites(options.db, { ...run, settleMs: isLocal ? localSettleMs : settleMs })
        return createTarget({
          ...http,
          write: (result, call) =>
            http.write(result, call.isHarmless ? call : { ...call, beforeSend: () => record(call.method) }),
        })
      },
    })
    return createTarget(http)
  }

  return {
    async of(environment) {
      const found = await credentialsOf(environment)
      if (found === undefined) throw notConfigured(environment)
      const { credentials } = found
      const cached = cachedTargets.get(environment)
      if (cached !== undefined && sameCredentials(cached.credentials, credentials)) return cached.target
      const isLocal = (await local())?.accountId === credentials.accountId
      const target = make(environment, { credentials, isLocal })
      cachedTargets.set(environment, { credentials, target })
      return target
    },

    sourceOf: async (environment) => (await credentialsOf(environment))?.source,

    async connect({ apiToken, accountId }) {
      const own = await local()
      const isLocal =
        own !== undefined &&
        (accountId === own.accountId ||
          (accountId === undefined && equalInConstantTime(apiToken, own.apiToken)))
      const baseUrl = isLocal ? localUrl : config.cloudflare.baseUrl
      return createCloudHttp({ baseUrl, apiToken, dispatcher, answerMs })
    },
  }
}

const sameCredentials = (a: CloudflareCredentials, b: CloudflareCredentials) =>
  a.accountId === b.accountId && a.apiToken === b.apiToken

function equalInConstantTime(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)]
  return left.length === right.length && timingSafeEqual(left, right)
}

function notConfigured(environment: Environment): CodedError {
  return dependencyFailed(`The environment ${environment} has no Cloudflare credentials`, {
    details: { environment, checks: { resources: 'pass', quotas: 'pass', dependencies: 'fail' } },
    retryable: false,
    suggestedAction:
      'Call PUT /deploy/environments/{environment}/credentials, or set CLOUDFLARE_API_TOKEN and CLOUDFLARE_ACCOUNT_ID, or CLOUDFLARE_TARGET=local',
  })
}
