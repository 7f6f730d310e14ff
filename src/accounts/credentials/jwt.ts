import { randomUUID } from 'node:crypto'
import { errors, jwtVerify, SignJWT } from 'jose'
import { z } from 'zod'
import { badCredential } from '../../platform/errors.ts'
import type { Secrets } from '../../platform/secrets.ts'

export const jwtLifetimeSeconds = 15 * 60
/** Maximum difference between the processes' estimates of the database's clock. */
const toleratedSkewMs = 60_000
const party = 'capstan'

const claims = z.object({
  sub: z.uuid(),
  jti: z.uuid(),
  iat: z.number(),
  exp: z.number(),
  type: z.literal('session'),
  /** The user's session epoch: unlike `iat`, in whole seconds, it orders the token exactly against a revocation. */
  epoch: z.number().int(),
})

export interface SessionJwt {
  userId: string
  sessionEpoch: number
  jti: string
  expiresAt: Date
}

export interface Jwts {
  issue(user: { id: string; sessionEpoch: number }): Promise<string>
  /** @throws ACCESS_002, with different messages for an expired and an invalid token */
  verify(token: string): Promise<SessionJwt>
}

/** Session JWTs with HS256 only, signed with a separate key derived from `SECRET_KEY`. */
export function createJwts(secrets: Secrets, now: () => Date): Jwts {
  const key = secrets.derive('jwt')
  return {
    issue(user) {
      const issuedAt = Math.floor(now().getTime() / 1000)
      return new SignJWT({ type: 'session', epoch: user.sessionEpoch })
        .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
        .setSubject(user.id)
        .setIssuer(party)
        .setAudience(party)
        .setJti(randomUUID())
        .setIssuedAt(issuedAt)
        .setExpirationTime(issuedAt + jwtLifetimeSeconds)
        .sign(key)
    },
    async verify(token) {
      try {
        const options = { algorithms: ['HS256'], issuer: party, audience: party, currentDate: now() }
        const { payload } = await jwtVerify(token, key, options)
        const { sub, jti, iat, exp, epoch } = claims.parse(payload)
        // A token issued in the future, by a clock that was ahead, would outlive its 15 minutes.
        if (iat * 1000 > now().getTime() + toleratedSkewMs) throw new Error('issued in the future')
        return { userId: sub, sessionEpoch: epoch, jti, expiresAt: new Date(exp * 1000) }
      } catch (error) {
        const expired = error instanceof errors.JWTExpired
        throw badCredential(expired ? 'The token has expired' : 'The token is not valid')
      }
    },
  }
}
