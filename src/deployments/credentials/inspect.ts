import { type CodedError, invalidBody, timedOut } from '../../platform/errors.ts'
import { toError } from '../../platform/thrown.ts'
import { CloudError, toCodedError } from '../cloudflare/errors.ts'
import type { CloudHttp } from '../cloudflare/http.ts'
import { createTokenApi, type TokenApi, type VerifiedToken } from '../cloudflare/tokens-api.ts'
import type { CloudflareCredentials } from '../config.ts'
import { tokenLacksPermission, tokenRejected } from '../model/errors.ts'
import { type AccountType, accountType } from './account-type.ts'
import { grants, type Scope, scopesOf, showScope } from './scopes.ts'

/** True, false, or null if unknown. */
type TriState = boolean | null

export interface Inspection {
  valid: true
  permissions: { workers: TriState; containers: TriState; durableObjects: TriState }
  /** The names of the values that are unknown. */
  unknown: string[]
  accountInfo: { id: string; name: string | null; type: AccountType['type']; source: AccountType['source'] }
  /** Whether the account has the Workers Paid plan, which containers require; independent of the account type. */
  workersPaid: TriState
}

export interface Verification {
  valid: true
  user: { id: string; email: string } | null
  scopes: string[]
  requiredScopes: { scope: string; granted: TriState }[]
  unknown: string[]
  accounts: { id: string; name: string; type: string }[]
}

/** Inspects given credentials. Nothing of them is stored or logged. */
export interface Inspector {
  /** @throws AUTH_003, AUTH_004, and REQ_002 (422) for an account that does not exist */
  inspect(given: CloudflareCredentials): Promise<Inspection>
  /** @throws AUTH_003, and AUTH_004 for required scopes that are certainly missing */
  verify(given: { apiToken: string; requiredScopes: Scope[] }): Promise<Verification>
}

const budgetMs = 15_000

/** @param connect creates a client with credentials, for the API of their account */
export function createInspector(
  connect: (given: { apiToken: string; accountId?: string }) => Promise<CloudHttp>,
): Inspector {
  const api = async (given: { apiToken: string; accountId?: string }) =>
    createTokenApi(await connect(given), { apiToken: given.apiToken, signal: AbortSignal.timeout(budgetMs) })

  return {
    async inspect(given) {
      const tokens = await api(given)
      await verified(() => tokens.verify(given.accountId))
      return inspectAccount(tokens, given.accountId)
    },

    async verify({ apiToken, requiredScopes }) {
      const tokens = await api({ apiToken })
      const accounts = await tokens.accounts().catch(undefinedIfRefused)
      const first = accounts?.[0]?.id
      const token = await verified(() => tokens.verify(first))
      const [user, policies] = await Promise.all([
        optional(tokens.user()),
        optional(tokens.policies(token, first)),
      ])
      const granted = policies && scopesOf(policies)
      const required = requiredScopes.map((scope) => ({
        scope: showScope(scope),
        granted: granted === undefined ? null : grants(granted, scope),
      }))
      refuseMissing(required)
      return {
        valid: true,
        user: user ?? null,
        scopes: granted?.map(showScope) ?? [],
        requiredScopes: required,
        unknown: [
          ...(user === undefined ? ['user'] : []),
          ...(granted === undefined ? ['scopes'] : []),
          ...(accounts === undefined ? ['accounts'] : []),
        ],
        accounts: (accounts ?? []).map(({ id, name, type }) => ({ id, name, type: type ?? 'standard' })),
      }
    },
  }
}

async function inspectAccount(tokens: TokenApi, accountId: string): Promise<Inspection> {
  const account = `/accounts/${accountId}`
  const [named, workers, containers, durableObjects, ratePlans, zonePlans] = await Promise.all([
    tokens.account(accountId).catch(unresolvable),
    probe(tokens, `${account}/workers/scripts-search?per_page=1`),
    probe(tokens, `${account}/containers/me`),
    probe(tokens, `${account}/workers/durable_objects/namespaces?per_page=5`),
    optional(tokens.ratePlans(accountId)),
    optional(tokens.zonePlans(accountId)),
  ])
  const permissions = { workers, containers, durableObjects }
  if (workers === false) {
    throw tokenLacksPermission('The token is not allowed to read the Workers of this account', {
      details: { permissions },
      suggestedAction: 'Grant the token Workers Scripts Write on this account',
    })
  }
  const { type, source } = accountType({ named: named?.type, ratePlans, zonePlans })
  const workersPaid = ratePlans === undefined ? null : ratePlans.includes('workers_paid')
  return {
    valid: true,
    permissions,
    unknown: Object.entries({ ...permissions, workersPaid }).flatMap(([name, value]) =>
      value === null ? [name] : [],
    ),
    accountInfo: { id: accountId, name: named?.name ?? null, type, source },
    workersPaid,
  }
}

async function verified(verify: () => Promise<VerifiedToken>): Promise<VerifiedToken> {
  try {
    const token = await verify()
    if (token.status === 'active') return token
    throw tokenRejected(`The Cloudflare API token is ${token.status}`)
  } catch (error) {
    if (isNoSuchAccount(error)) throw noSuchAccount()
    throw toApiError(error)
  }
}

/** A missing account is an error of the request; an account that the token may not read only has no name. */
function unresolvable(error: unknown): undefined {
  if (isNoSuchAccount(error)) throw noSuchAccount()
  if (!isRefusal(error)) throw toApiError(error)
}

const isNoSuchAccount = (error: unknown) => error instanceof CloudError && error.code === 7003

function noSuchAccount(): CodedError {
  const fields = [{ path: 'accountId', problem: 'the account does not exist' }]
  return invalidBody(fields, 422)
}

function undefinedIfRefused(error: unknown): undefined {
  // The verification reports a rejected token. An unreachable cloud must not look like one.
  if (isRefusal(error) || (error instanceof CloudError && error.code === 1000)) return undefined
  throw toApiError(error)
}

/** Reports an exceeded time limit as a timeout of the cloud, and refusals as coded errors. */
function toApiError(error: unknown): unknown {
  if (toError(error).name === 'TimeoutError')
    return timedOut('The cloud did not answer in time', { cause: error })
  return toCodedError(error)
}

const refusalCodes = new Set([9109, 10000, 9106])
const isRefusal = (error: unknown) =>
  error instanceof CloudError &&
  (refusalCodes.has(error.code) || error.status === 403 || error.status === 401)

/** Tests a permission with a read. A refusal proves that writing is not allowed; a success proves nothing. */
async function probe(tokens: TokenApi, path: string): Promise<TriState> {
  try {
    await tokens.probe(path)
    return true
  } catch (error) {
    return isRefusal(error) ? false : null
  }
}

async function optional<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call
  } catch {
    return undefined
  }
}

function refuseMissing(required: { scope: string; granted: TriState }[]): void {
  const missing = required.filter(({ granted }) => granted === false).map(({ scope }) => scope)
  if (missing.length === 0) return
  throw tokenLacksPermission('The token lacks required scopes', { details: { missing } })
}
