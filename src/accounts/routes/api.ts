import { type Route, route } from '../../platform/http/route.ts'
import type { AccountsContext } from '../context.ts'
import { createApiToken, listApiTokens, revokeApiToken } from '../credentials/api-tokens.ts'
import { accountOf } from '../principal.ts'
import { loginBody, newTokenBody, passwordChangeBody, tokenPath } from '../schema.ts'
import { browserCookieOf, browserIdsOf } from '../sign-in/browser-id.ts'
import { issueJwt, signIn } from '../sign-in/sign-in.ts'
import { changePassword, signOut } from '../users/account-changes.ts'
import { operation } from './operation.ts'
import { clearedCookies } from './session-cookies.ts'
import { jwtAnswer, meAnswer, newTokenAnswer, tokenListAnswer } from './wire.ts'

/** Caches must not store a response that contains a secret. */
const secretHeaders = { 'Cache-Control': 'no-store' }
/** Sufficient for passwords and names. */
const bodyLimit = 16 * 1024

/** `/api/v1/auth/*`. */
export function apiRoutes(context: AccountsContext): Route[] {
  return [...sessionRoutes(context), ...tokenRoutes(context)]
}

function sessionRoutes(context: AccountsContext): Route[] {
  return [
    route({
      ...operation('signIn'),
      method: 'post',
      path: '/api/v1/auth/login',
      access: 'open',
      limit: 'address',
      csrf: false,
      invalidStatus: 422,
      bodyLimit,
      body: loginBody,
      async handle({ body, address, req, res }) {
        const browserIds = browserIdsOf(context, req.headers.cookie)
        // Browsers send this header with every request.
        const browser = req.headers['sec-fetch-site'] !== undefined || browserIds.length > 0
        const { user, browserId } = await signIn(context, {
          ...body,
          browser,
          origin: { address, browserIds },
        })
        if (browserId !== undefined) res.append('Set-Cookie', browserCookieOf(context, browserId))
        return { body: jwtAnswer(await issueJwt(context, user)), headers: secretHeaders }
      },
    }),
    route({
      ...operation('signOut'),
      method: 'post',
      path: '/api/v1/auth/logout',
      access: 'signed-in',
      invalidStatus: 422,
      async handle({ principal, res }) {
        const caller = accountOf(principal)
        await signOut(context, caller)
        if (caller.kind === 'session') res.append('Set-Cookie', clearedCookies(context.cookies))
        return { body: { status: 'success', message: 'Signed out' } }
      },
    }),
    route({
      ...operation('getOwnAccount'),
      method: 'get',
      path: '/api/v1/auth/me',
      access: 'signed-in',
      invalidStatus: 422,
      async handle({ principal }) {
        return { body: meAnswer(accountOf(principal)) }
      },
    }),
    route({
      ...operation('changeOwnPassword'),
      method: 'post',
      path: '/api/v1/auth/password',
      access: 'signed-in',
      invalidStatus: 422,
      bodyLimit,
      body: passwordChangeBody,
      async handle({ principal, body, address, req }) {
        const caller = accountOf(principal)
        const origin = { address, browserIds: browserIdsOf(context, req.headers.cookie) }
        const change = { current: body.current_password, replacement: body.new_password, origin }
        const { sessionEpoch } = await changePassword(context, caller, change)
        const success = { status: 'success', message: 'Password changed' }
        if (caller.kind !== 'jwt') return { body: success }
        const fresh = await issueJwt(context, { id: caller.user.id, sessionEpoch })
        return { body: { ...success, ...jwtAnswer(fresh) }, headers: secretHeaders }
      },
    }),
  ]
}

function tokenRoutes(context: AccountsContext): Route[] {
  return [
    route({
      ...operation('createToken'),
      method: 'post',
      path: '/api/v1/auth/tokens',
      access: 'signed-in',
      invalidStatus: 422,
      bodyLimit,
      body: newTokenBody,
      // No Idempotency-Key: repeating the response would require storing the secret.
      async handle({ principal, body }) {
        const { token, row } = await createApiToken(context, accountOf(principal), {
          name: body.name,
          scopes: body.scopes ?? null,
          expiresAt: body.expires_at ?? null,
        })
        return { body: newTokenAnswer(row, token), headers: secretHeaders }
      },
    }),
    route({
      ...operation('listTokens'),
      method: 'get',
      path: '/api/v1/auth/tokens',
      access: 'signed-in',
      invalidStatus: 422,
      async handle({ principal }) {
        const tokens = await listApiTokens(context, accountOf(principal))
        return { body: tokenListAnswer(tokens) }
      },
    }),
    route({
      ...operation('revokeToken'),
      method: 'delete',
      path: '/api/v1/auth/tokens/:id',
      access: 'signed-in',
      invalidStatus: 422,
      params: tokenPath,
      async handle({ principal, params }) {
        await revokeApiToken(context, accountOf(principal), params.id)
        return { body: { status: 'success', message: 'Token revoked' } }
      },
    }),
  ]
}
