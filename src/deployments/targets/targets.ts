import { timingSafeEqual } from 'node:crypto'
import type { Knex } from 'knex'
import type { Dispatcher } from 'undici'
import { type CodedError, dependencyFailed } from '../../platform/errors.ts'
import { type ContainerApi, createContainerApi } from '../cloudflare/containers-api.ts'
import { type CloudHttp, createCloudHttp } from '../cloudflare/http.ts'
import { createBudget } from '../cloudflare/rate-budget/index.ts'
import { type Cloudflare, createCloudflare } from '../cloudflare/workers-api.ts'
import { recordWrites, type WritingRun } from '../cloudflare/write-record.ts'
import { createZoneApi, type ZoneApi } from '../cloudflare/zones-api.ts'
import type { CloudflareCredentials, DeploymentsConfig, Environment } from '../config.ts'
import { localLogs, type WorkerLine } from './local-logs.ts'
import type { Vault } from './vault.ts'

/** Where an app can be asked. */
export interface Address {
  /** As people write it, without a path. */
  base: string
  /** What is requested. */
  url: string
  /** Sent as the Host header, where the request goes to another name. */
  host?: string
}

/** Where an environment's apps go. */
export interface Target {
  kind: 'cloudflare' | 'local'
  baseUrl: string
  accountId: string
  /** Calls to the account, within its budget. */
  http: CloudHttp
  cloud: Cloudflare
  containers: ContainerApi
  zones: ZoneApi
  /** How long a call whose answer was lost may still arrive, in milliseconds. */
  settleMs: number
  /** The database's time, by which it is written down when something was sent. */
  now(): Date
  /** How long a container's rollout is waited for. */
  rolloutMs: number
  /** The last lines that a script wrote, oldest first; undefined where only a live tail has them. */
  logsOf(script: string, signal: AbortSignal): Promise<WorkerLine[] | undefined>
  /** The address where a script answers, given the account's workers.dev name. */
  urlOf(script: string, subdomain: string | undefined): string | undefined
  /** Where a host name of an app is asked for a path. */
  addressOf(host: string, path: string): Address
  /** The same for one run: each write is sent only under its lease, and is on record until it is answered. */
  under(run: WritingRun): Target
}

/** Where an environment's credentials come from. */
export type CredentialSource = 'stored' | 'environment' | 'local-cloud'

export interface Targets {
  /** Asks the database each time, so that replaced credentials are used at once by every process. @throws STATE_003 */
  of(environment: Environment): Promise<Target>
  /** Undefined when the environment is not configured. */
  sourceOf(environment: Environment): Promise<CredentialSource | undefined>
  /** A client for credentials that are only looked at; the local cloud's own are known by their account or token. */
  connect(given: { apiToken: string; accountId?: string }): Promise<CloudHttp>
}

export interface TargetsConfig extends Pick<DeploymentsConfig, 'cloudflare'> {
  /** Where the local cloud answers, if this installation has one. */
  localCloud: { enabled: boolean; port: number }
}

export interface TargetsOptions {
  db: Knex
  config: TargetsConfig
  vault: Vault
  /** The process's pool of connections. */
  dispatcher: Dispatcher
  /** The local cloud's account and token; asked only where the local cloud is enabled. */
  localCredentials: () => Promise<CloudflareCredentials>
  now?: () => Date
}

export function createTargets(options: TargetsOptions): Targets {
  const { config, vault, dispatcher, now = () => new Date() } = options
  const known = new Map<Environment, { credentials: CloudflareCredentials; target: Target }>()
  const settleMs = config.cloudflare.settleSeconds * 1000
  const answerMs = config.cloudflare.answerSeconds * 1000
  // On this machine nothing stays on the way for long.
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

  function make(environment: Environment, about: { credentials: CloudflareCredentials; isLocal: boolean }) {
    const { credentials, isLocal } = about
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
      // Nobody's resolver knows the host names of the local cloud.
      if (isLocal) return { base, url: `http://127.0.0.1:${port}${path}`, host: `${host}:${port}` }
      return { base, url: `${base}${path}` }
    }
    const kind = isLocal ? ('local' as const) : ('cloudflare' as const)
    const through = (http: CloudHttp): Target => ({
      kind,
      baseUrl,
      accountId,
      http,
      cloud: createCloudflare(http, accountId),
      containers: createContainerApi(http, accountId),
      zones: createZoneApi(http, accountId),
      rolloutMs: config.cloudflare.rolloutSeconds * 1000,
      settleMs: isLocal ? localSettleMs : settleMs,
      now,
      urlOf,
      addressOf,
      logsOf: async (script, signal) =>
        isLocal ? await localLogs({ baseUrl, apiToken, dispatcher }, script, signal) : undefined,
      under: (run) => {
        const record = recordWrites(options.db, { ...run, settleMs: isLocal ? localSettleMs : settleMs })
        return through({
          ...http,
          write: (result, call) => http.write(result, { ...call, beforeSend: () => record(call.method) }),
        })
      },
    })
    return through(http)
  }

  return {
    async of(environment) {
      const found = await credentialsOf(environment)
      if (found === undefined) throw notConfigured(environment)
      const { credentials } = found
      const before = known.get(environment)
      if (before !== undefined && same(before.credentials, credentials)) return before.target
      const isLocal = (await local())?.accountId === credentials.accountId
      const target = make(environment, { credentials, isLocal })
      known.set(environment, { credentials, target })
      return target
    },

    sourceOf: async (environment) => (await credentialsOf(environment))?.source,

    async connect({ apiToken, accountId }) {
      const own = await local()
      const isLocal =
        own !== undefined &&
        (accountId === own.accountId || (accountId === undefined && equal(apiToken, own.apiToken)))
      const baseUrl = isLocal ? localUrl : config.cloudflare.baseUrl
      return createCloudHttp({ baseUrl, apiToken, dispatcher, answerMs })
    },
  }
}

const same = (a: CloudflareCredentials, b: CloudflareCredentials) =>
  a.accountId === b.accountId && a.apiToken === b.apiToken

function equal(a: string, b: string): boolean {
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
