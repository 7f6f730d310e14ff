import { createHash } from 'node:crypto'
import { z } from 'zod'
import type { CloudContext } from '../context.ts'
import { ApiError } from '../errors.ts'
import { namespaceView } from '../scripts/views.ts'
import { readJson } from './body.ts'
import { paged } from './envelope.ts'
import type { Router } from './router.ts'

const subdomainBody = z.strictObject({
  subdomain: z.string().regex(/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/, 'must be a DNS label'),
})

/** An id derived from the account id, so that it is the same after each start. */
const derivedId = (kind: string, accountId: string) =>
  createHash('sha256').update(`${kind}:${accountId}`).digest('hex').slice(0, 32)

const active = (accountId: string) => ({
  result: { id: derivedId('token', accountId), status: 'active' },
  messages: [{ code: 10000, message: 'This API Token is valid and active' }],
})

/** The routes of tokens, the user, the account and its account-wide settings. */
export function accountRoutes(router: Router, cloud: CloudContext): void {
  const { accountId, store } = cloud
  const account = () => ({
    id: accountId,
    name: 'Local cloud',
    type: 'standard',
    created_on: store.scripts.account(accountId).createdOn,
    settings: { enforce_twofactor: false },
  })
  const list = (all: readonly unknown[], query: URLSearchParams) => {
    const { items, info } = paged(all, query)
    return { result: items, resultInfo: info }
  }
  const accountsNamed = (query: URLSearchParams) =>
    [account()].filter((one) => (query.get('name') ?? one.name) === one.name)

  router
    .on('GET /user/tokens/verify', () => active(accountId))
    .on('GET /accounts/{account}/tokens/verify', () => active(accountId))
    .on('GET /user', () => ({ result: user(accountId) }))
    .on('GET /memberships', ({ query }) => {
      const id = derivedId('membership', accountId)
      return list([{ id, status: 'accepted', account: account(), roles: ['Administrator'] }], query)
    })
    .on('GET /accounts', ({ query }) => list(accountsNamed(query), query))
    .on('GET /accounts/{account}', () => ({ result: account() }))
    .on('GET /accounts/{account}/workers/durable_objects/namespaces', ({ query }) =>
      list(store.scripts.allNamespaces().map(namespaceView), query),
    )
    .on('GET /accounts/{account}/workers/account-settings', () => ({
      result: { default_usage_model: 'standard', green_compute: false },
    }))
    .on('GET /accounts/{account}/workers/subdomain', () => {
      const { subdomain } = store.scripts.account(accountId)
      if (subdomain === null)
        throw new ApiError('scriptNotFound', 'The account has no workers.dev subdomain yet.')
      return { result: { subdomain } }
    })
    .on('PUT /accounts/{account}/workers/subdomain', async ({ req }) => {
      const { subdomain } = await readJson(req, subdomainBody)
      const present = store.scripts.account(accountId).subdomain
      if (present !== null && present !== subdomain) throw new ApiError('subdomainTaken')
      store.scripts.setSubdomain(accountId, subdomain)
      return { result: { subdomain } }
    })
}

function user(accountId: string) {
  return {
    id: derivedId('user', accountId),
    email: 'local-cloud@localhost',
    first_name: null,
    last_name: null,
    two_factor_authentication_enabled: false,
    suspended: false,
    has_pro_zones: false,
    has_business_zones: false,
    has_enterprise_zones: false,
  }
}

/** The routes that need no token; they serve as a health check. The networks are the loopback networks. */
export function publicRoutes(router: Router): void {
  const networks = { ipv4_cidrs: ['127.0.0.0/8'], ipv6_cidrs: ['::1/128'] }
  const etag = createHash('md5').update(JSON.stringify(networks)).digest('hex')
  router.on('GET /ips', () => ({ result: { ...networks, etag } }))
}
