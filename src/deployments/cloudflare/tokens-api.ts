import { z } from 'zod'
import { CloudError } from './errors.ts'
import type { CloudHttp } from './http.ts'

const status = z.object({ id: z.string(), status: z.string() })
const account = z.object({ id: z.string(), name: z.string(), type: z.string().optional() })
const policies = z.object({
  policies: z
    .array(
      z.object({
        effect: z.string(),
        permission_groups: z.array(z.object({ id: z.string(), name: z.string().optional() })),
        resources: z.record(z.string(), z.unknown()),
      }),
    )
    .default([]),
})

export type TokenAccount = z.output<typeof account>
export type Policy = z.output<typeof policies>['policies'][number]
export interface VerifiedToken {
  id: string
  status: string
  /** The kind of owner, which decides the path of the token's description. */
  owner: 'user' | 'account'
}

/** Read calls that a token can make about itself. */
export interface TokenApi {
  /** @param accountId required for tokens of an account */
  verify(accountId: string | undefined): Promise<VerifiedToken>
  account(id: string): Promise<TokenAccount>
  accounts(): Promise<TokenAccount[]>
  user(): Promise<{ id: string; email: string }>
  policies(token: VerifiedToken, accountId: string | undefined): Promise<Policy[]>
  ratePlans(accountId: string): Promise<string[]>
  zonePlans(accountId: string): Promise<string[]>
  probe(path: string): Promise<unknown>
}

export function createTokenApi(
  http: CloudHttp,
  options: { apiToken: string; signal: AbortSignal },
): TokenApi {
  const { apiToken, signal } = options
  const read = <S extends z.ZodType>(result: S, path: string) => http.read(result, { path, signal })
  const verifyUserToken = async () =>
    ({ ...(await read(status, '/user/tokens/verify')), owner: 'user' as const }) satisfies VerifiedToken
  const verifyAccountToken = async (id: string) =>
    ({ ...(await read(status, `/accounts/${id}/tokens/verify`)), owner: 'account' as const }) as const

  return {
    async verify(accountId) {
      const hasAccount = accountId !== undefined
      if (apiToken.startsWith('cfat_') && hasAccount) return verifyAccountToken(accountId)
      try {
        return await verifyUserToken()
      } catch (error) {
        // 1000 may only mean that an account owns the token, not a user; new tokens show the owner by their prefix.
        const maybe = error instanceof CloudError && error.code === 1000 && !apiToken.startsWith('cfut_')
        if (!maybe || !hasAccount) throw error
        return verifyAccountToken(accountId)
      }
    },
    account: (id) => read(account, `/accounts/${id}`),
    accounts: () => read(z.array(account), '/accounts?per_page=50'),
    user: () => read(z.object({ id: z.string(), email: z.string() }), '/user'),
    async policies({ id, owner }, accountId) {
      const path = owner === 'user' ? `/user/tokens/${id}` : `/accounts/${accountId}/tokens/${id}`
      return (await read(policies, path)).policies
    },
    async ratePlans(accountId) {
      const plan = z.object({ rate_plan: z.object({ id: z.string() }).optional() })
      const list = await read(z.array(plan), `/accounts/${accountId}/subscriptions`)
      return list.flatMap((each) => each.rate_plan?.id ?? [])
    },
    async zonePlans(accountId) {
      const plan = z.object({ plan: z.object({ legacy_id: z.string().optional() }).optional() })
      const list = await read(z.array(plan), `/zones?account.id=${accountId}&per_page=50`)
      return list.flatMap((each) => each.plan?.legacy_id ?? [])
    },
    probe: (path) => read(z.unknown(), path),
  }
}
