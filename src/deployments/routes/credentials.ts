import { requirePrincipal } from '../../platform/auth.ts'
import { invalidBody } from '../../platform/errors.ts'
import { digitsProblem } from '../../platform/hexadecimal.ts'
import { type Route, route } from '../../platform/http/index.ts'
import type { Environment } from '../config.ts'
import type { Inspector } from '../credentials/inspect.ts'
import { environmentParams, putCredentialsBody, validateBody, verifyBody } from '../credentials/schema.ts'
import { requireEnvironment } from '../model/permission.ts'
import type { Targets } from '../targets/targets.ts'
import type { Vault } from '../targets/vault.ts'
import { operation } from './operation.ts'
import { success } from './success.ts'

export interface CredentialRouteOptions {
  vault: Vault
  targets: Targets
  inspector: Inspector
}

const uncached = { 'Cache-Control': 'no-store' }

/** The routes for credentials. They ignore Idempotency-Keys, so that no request with a credential is stored. */
export function credentialRoutes(options: CredentialRouteOptions): Route[] {
  return [...inspectionRoutes(options), ...storageRoutes(options)]
}

function inspectionRoutes({ inspector }: CredentialRouteOptions): Route[] {
  const post = { wrap: success, method: 'post', access: 'deployments:write' } as const
  return [
    route({
      ...operation('validateCredentials'),
      ...post,
      path: '/deploy/validate',
      body: validateBody,
      async handle({ body, principal }) {
        requireEnvironment(requirePrincipal(principal), body.environment)
        return {
          body: await inspector.inspect(credentialsOf(body.credentials, 'credentials.accountId')),
          headers: uncached,
        }
      },
    }),
    route({
      ...operation('verifyCloudflareToken'),
      ...post,
      path: '/auth/cloudflare/verify',
      body: verifyBody,
      handle: async ({ body }) => ({ body: await inspector.verify(body), headers: uncached }),
    }),
  ]
}

function storageRoutes({ vault, targets, inspector }: CredentialRouteOptions): Route[] {
  const path = '/deploy/environments/:environment/credentials'
  const common = { wrap: success, path, params: environmentParams } as const
  const admin = { ...common, access: 'accounts:admin' } as const
  const view = async (environment: Environment) => {
    const source = await targets.sourceOf(environment)
    const updatedAt = source === 'stored' ? await vault.updatedAt(environment) : undefined
    return {
      environment,
      configured: source !== undefined,
      source: source ?? null,
      updatedAt: updatedAt?.toISOString() ?? null,
    }
  }
  return [
    route({
      ...operation('getStoredCredentials'),
      ...common,
      method: 'get',
      access: 'deployments:read',
      handle: async ({ params }) => ({ body: await view(params.environment), headers: uncached }),
    }),
    route({
      ...operation('storeCredentials'),
      ...admin,
      method: 'put',
      body: putCredentialsBody,
      async handle({ params, body, principal }) {
        const { environment } = params
        const by = requirePrincipal(principal)
        requireEnvironment(by, environment)
        const given = credentialsOf(body, 'accountId')
        const { permissions, unknown, accountInfo } = await inspector.inspect(given)
        await vault.put(environment, { ...given, updatedBy: by.id })
        return {
          body: { ...(await view(environment)), permissions, unknown, accountInfo },
          headers: uncached,
        }
      },
    }),
    route({
      ...operation('deleteStoredCredentials'),
      ...admin,
      method: 'delete',
      async handle({ params, principal }) {
        requireEnvironment(requirePrincipal(principal), params.environment)
        await vault.remove(params.environment)
        return { body: await view(params.environment), headers: uncached }
      },
    }),
  ]
}

/** @throws REQ_002 with status 422, which the contract requires for this field */
function credentialsOf(body: { cloudflareApiToken: string; accountId: string }, path: string) {
  const { cloudflareApiToken: apiToken, accountId } = body
  if (/^[0-9a-f]{32}$/.test(accountId)) return { apiToken, accountId }
  const fields = [{ path, problem: digitsProblem(accountId, 32, 'expected 32 hexadecimal digits') }]
  throw invalidBody(fields, 422)
}
