import { type CodedError, invalidBody, timedOut } from '../../platform/errors.ts'
import { toError } from '../../platform/thrown.ts'
import { CloudError, toCodedError } from '../cloudflare/errors.ts'
import type { CloudHttp } from '../cloudflare/http.ts'
import { createTokenApi, type TokenApi, type VerifiedToken } from '../cloudflare/tokens-api.ts'
import type { CloudflareCredentials } from '../config.ts'
import { tokenLacksPermission, tokenRejected } from '../model/errors.ts'
import { type AccountType, accountType } from './account-type.ts'
import { grants, type Scope, scopesOf, showScope } from './scopes.ts'

/** True, false, or null where it can't be told. */
type Told = boolean | null

export interface Inspection {
  valid: true
  permissions: { workers: Told; containers: Told; durableObjects: Told }
  /** What could not be told. */
  unknown: string[]
  accountInfo: { id: string; name: string | null; type: AccountType['type']; source: AccountType['source'] }
  /** Containers need it; it does not depend on the plan of the account or of its zones. */
  workersPaid: Told
}

export interface Verification {
  valid: true
  user: { id: string; email: string } | null
  scopes: string[]
  requiredScopes: { scope: string; granted: Told }[]
  unknown: string[]
  accounts: { id: string; name: string; type: string }[]
}

/** Looks at credentials that somebody shows us. Nothing of them is stored or logged. */
export interface Inspector {
  /** @throws AUTH_003, AUTH_004, and REQ_002 (422) for an account that does not resolve. */
  inspect(given: CloudflareCredentials): Promise<Inspection>
  /** @throws AUTH_003, and AUTH_004 for scopes that it lacks for sure. */
  verify(given: { apiToken: string; requiredScopes: Scope[] }): Promise<Verification>
}

const budgetMs = 15_000

/** @param connect a client for credentials, at the API where their account is. */
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
      const accounts = await tokens.accounts().catch(whatIsRefused)
      const first = accounts?.[0]?.id
      const token = await verified(() => tokens.verify(first))
      const [user, policies] = await Promise.all([
        orUnknown(tokens.user()),
        orUnknown(tokens.policies(token, first)),
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
    orUnknown(tokens.ratePlans(accountId)),
    orUnknown(tokens.zonePlans(accountId)),
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
    unknown: Object.entries({ ...permissions, workersPaid }).flatMap(([name, told]) =>
      told === null ? [name] : [],
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
    throw asAnswer(error)
  }
}

/** An account that is not there is a fault of the request; one that can't be read only has no name. */
function unresolvable(error: unknown): undefined {
  if (isNoSuchAccount(error)) throw noSuchAccount()
  if (!isRefusal(error)) throw asAnswer(error)
}

const isNoSuchAccount = (error: unknown) => error instanceof CloudError && error.code === 7003

function noSuchAccount(): CodedError {
  const fields = [{ path: 'accountId', problem: 'the account does not exist' }]
  return invalidBody(fields, 422)
}

function whatIsRefused(error: unknown): undefined {
  // A rejected token is told by its verification; a cloud that is away must not pass for one.
  if (isRefusal(error) || (error instanceof CloudError && error.code === 1000)) return undefined
  throw asAnswer(error)
}

/** What ran out of time is the cloud's slowness, not a fault of ours. */
function asAnswer(error: unknown): unknown {
  if (toError(error).name === 'TimeoutError')
    return timedOut('The cloud did not answer in time', { cause: error })
  return toCodedError(error)
}

const refusals = new Set([9109, 10000, 9106])
const isRefusal = (error: unknown) =>
  error instanceof CloudError && (refusals.has(error.code) || error.status === 403 || error.status === 401)

/** A read that succeeds does not prove that writing is allowed; one that is refused proves that it is not. */
async function probe(tokens: TokenApi, path: string): Promise<Told> {
  try {
    await tokens.probe(path)
    return true
  } catch (error) {
    return isRefusal(error) ? false : null
  }
}

async function orUnknown<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call
  } catch {
    return undefined
  }
}

function refuseMissing(required: { scope: string; granted: Told }[]): void {
  const missing = required.filter(({ granted }) => granted === false).map(({ scope }) => scope)
  if (missing.length === 0) return
  throw tokenLacksPermission('The token lacks required scopes', { details: { missing } })
}
