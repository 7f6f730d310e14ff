import type { CloudflareCredentials, Config, Environment } from '../platform/config/index.ts'
import { CodedError } from '../platform/errors.ts'
import { type Cloudflare, createCloudflare } from './cloudflare.ts'
import { createCloudHttp } from './cloudflare-http.ts'
import { type ContainerApi, createContainerApi } from './containers/container-api.ts'

/** Where an environment's apps go. */
export interface Target {
  kind: 'cloudflare' | 'local'
  baseUrl: string
  accountId: string
  cloud: Cloudflare
  containers: ContainerApi
  /** How long a call whose answer was lost may still arrive, in milliseconds. */
  settleMs: number
  /** The address where a script answers, given the account's workers.dev name. */
  urlOf(script: string, subdomain: string | undefined): string | undefined
}

export interface Targets {
  /** @throws STATE_003 when the environment has no credentials and no local cloud. */
  of(environment: Environment): Promise<Target>
}

/**
 * @param localCredentials answers the local cloud's account and token; asked only where an environment has no
 * credentials of its own and the local cloud is enabled.
 */
export function createTargets(
  config: Config,
  localCredentials: () => Promise<CloudflareCredentials>,
): Targets {
  const settleMs = config.cloudflare.settleSeconds * 1000
  // On this machine nothing stays on the way for long.
  const localSettleMs = Math.min(settleMs, 5000)
  const known = new Map<Environment, Target>()

  async function make(environment: Environment): Promise<Target> {
    const credentials = config.cloudflare.credentials[environment]
    if (credentials !== undefined) {
      const { baseUrl } = config.cloudflare
      const urlOf = (script: string, subdomain: string | undefined) =>
        subdomain === undefined ? undefined : `https://${script}.${subdomain}.workers.dev`
      const cloud = createCloudflare({ baseUrl, ...credentials })
      const { accountId } = credentials
      const containers = createContainerApi(createCloudHttp({ baseUrl, ...credentials }), accountId)
      return { kind: 'cloudflare', baseUrl, accountId, cloud, containers, settleMs, urlOf }
    }
    if (config.localCloud.enabled) {
      const { port } = config.localCloud
      const baseUrl = `http://127.0.0.1:${port}/client/v4`
      const credentials = await localCredentials()
      const { accountId } = credentials
      const cloud = createCloudflare({ baseUrl, ...credentials })
      return {
        kind: 'local',
        baseUrl,
        accountId,
        cloud,
        containers: createContainerApi(createCloudHttp({ baseUrl, ...credentials }), accountId),
        settleMs: localSettleMs,
        urlOf: (script) => `http://${script}.localhost:${port}`,
      }
    }
    throw new CodedError('STATE_003', `The environment ${environment} has no Cloudflare credentials`, {
      details: { environment, checks: { resources: 'pass', quotas: 'pass', dependencies: 'fail' } },
      retryable: false,
      suggestedAction: 'Set CLOUDFLARE_API_TOKEN and CLOUDFLARE_ACCOUNT_ID, or CLOUDFLARE_TARGET=local',
    })
  }

  return {
    async of(environment) {
      const target = known.get(environment) ?? (await make(environment))
      known.set(environment, target)
      return target
    },
  }
}
