import { type Route, route } from '../../platform/http/route.ts'
import type { AccountsContext } from '../context.ts'
import { accountOf } from '../principal.ts'
import { newUserBody, userChangeBody, userPath, usersQuery, userTokenPath } from '../schema.ts'
import { changeUser, createUser, getUser, revokeTokenOf, tokensOf, usersPage } from '../users/users.ts'
import { operation } from './operation.ts'
import { tokenListAnswer, userAnswer } from './wire.ts'

const path = '/api/v1/users'
const settings = { access: 'accounts:admin', invalidStatus: 422, bodyLimit: 16 * 1024 } as const

/** `/api/v1/users/*`, for administrators. */
export function userRoutes(context: AccountsContext): Route[] {
  return [...listRoutes(context), ...changeRoutes(context), ...userTokenRoutes(context)]
}

function listRoutes(context: AccountsContext): Route[] {
  return [
    route({
      ...operation('listUsers'),
      ...settings,
      method: 'get',
      path,
      query: usersQuery,
      async handle({ query: { skip, limit, is_active: isActive } }) {
        const { users, total } = await usersPage(context, { skip, limit, isActive })
        return { body: { users: users.map(userAnswer), total } }
      },
    }),
    route({
      ...operation('createUser'),
      ...settings,
      method: 'post',
      path,
      body: newUserBody,
      // No Idempotency-Key: it would store a fast hash of a password. Names are unique, so a repeated request gets a
      // 409.
      async handle({ principal, body }) {
        const user = await createUser(context, accountOf(principal), {
          username: body.username,
          email: body.email,
          password: body.password,
          isAdmin: body.is_admin,
          rateLimitPerSecond: body.rate_limit_per_second ?? undefined,
          rateLimitBurst: body.rate_limit_burst ?? undefined,
        })
        return { body: userAnswer(user) }
      },
    }),
    route({
      ...operation('getUser'),
      ...settings,
      method: 'get',
      path: `${path}/:id`,
      params: userPath,
      async handle({ params }) {
        return { body: userAnswer(await getUser(context, params.id)) }
      },
    }),
  ]
}

function changeRoutes(context: AccountsContext): Route[] {
  return [
    route({
      ...operation('updateUser'),
      ...settings,
      method: 'patch',
      path: `${path}/:id`,
      params: userPath,
      body: userChangeBody,
      async handle({ principal, params, body }) {
        const change = {
          username: body.username ?? undefined,
          email: body.email ?? undefined,
          isActive: body.is_active ?? undefined,
          isAdmin: body.is_admin ?? undefined,
          rateLimitPerSecond: body.rate_limit_per_second ?? undefined,
          rateLimitBurst: body.rate_limit_burst ?? undefined,
        }
        const request = { id: params.id, change, password: body.password ?? undefined }
        return { body: userAnswer(await changeUser(context, accountOf(principal), request)) }
      },
    }),
    route({
      ...operation('deactivateUser'),
      ...settings,
      method: 'delete',
      path: `${path}/:id`,
      params: userPath,
      async handle({ principal, params }) {
        const request = { id: params.id, change: { isActive: false } }
        await changeUser(context, accountOf(principal), request)
        return { body: { status: 'success', message: 'User deactivated' } }
      },
    }),
  ]
}

function userTokenRoutes(context: AccountsContext): Route[] {
  return [
    route({
      ...operation('listUserTokens'),
      ...settings,
      method: 'get',
      path: `${path}/:id/tokens`,
      params: userPath,
      async handle({ params }) {
        return { body: tokenListAnswer(await tokensOf(context, params.id)) }
      },
    }),
    route({
      ...operation('revokeUserToken'),
      ...settings,
      method: 'delete',
      path: `${path}/:id/tokens/:token`,
      params: userTokenPath,
      async handle({ principal, params }) {
        const token = { id: params.token, userId: params.id }
        await revokeTokenOf(context, accountOf(principal), token)
        return { body: { status: 'success', message: 'Token revoked' } }
      },
    }),
  ]
}
