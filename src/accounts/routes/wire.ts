import type { AccountPrincipal } from '../principal.ts'
import type { ApiToken } from '../store/api-tokens.ts'
import type { User } from '../store/users.ts'

export function jwtAnswer(jwt: { accessToken: string; expiresInSeconds: number }) {
  return { access_token: jwt.accessToken, token_type: 'bearer', expires_in: jwt.expiresInSeconds }
}

export function meAnswer(account: AccountPrincipal) {
  const { user } = account
  return {
    id: user.id,
    username: user.username,
    email: user.email,
    is_admin: user.isAdmin,
    is_active: user.isActive,
    rate_limit_per_second: user.rateLimitPerSecond,
    rate_limit_burst: user.rateLimitBurst,
    created_at: user.createdAt.toISOString(),
    // The scopes of this request's credential; null: limited only by the user's permissions.
    scopes: account.scopes,
  }
}

export function userAnswer(user: User) {
  return {
    id: user.id,
    username: user.username,
    email: user.email,
    is_active: user.isActive,
    is_admin: user.isAdmin,
    rate_limit_per_second: user.rateLimitPerSecond,
    rate_limit_burst: user.rateLimitBurst,
    created_at: user.createdAt.toISOString(),
    updated_at: user.updatedAt.toISOString(),
  }
}

export function tokenListAnswer(tokens: ApiToken[]) {
  return { tokens: tokens.map(tokenAnswer), total: tokens.length }
}

function tokenAnswer(token: ApiToken) {
  return {
    id: token.id,
    name: token.name,
    scopes: token.scopes,
    expires_at: iso(token.expiresAt),
    is_revoked: token.isRevoked,
    last_used_at: iso(token.lastUsedAt),
    created_at: iso(token.createdAt),
  }
}

/** The only response that contains a token in plain text. */
export function newTokenAnswer(row: ApiToken, token: string) {
  const { id, name, scopes, expires_at, created_at } = tokenAnswer(row)
  return { id, name, token, scopes, expires_at, created_at }
}

const iso = (time: Date | null) => time?.toISOString() ?? null
