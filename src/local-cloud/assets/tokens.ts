import { errors, jwtVerify, SignJWT } from 'jose'
import { z } from 'zod'
import type { CloudContext } from '../context.ts'
import { ApiError } from '../errors.ts'

/** `upload`: permits the upload of the manifest's files. `completion`: proves that all of them are stored. */
export type TokenKind = 'upload' | 'completion'

const claims = z.object({ kind: z.enum(['upload', 'completion']), script: z.string(), manifest: z.string() })

const lifetimeSeconds = 3600

/** Issues a token for a script and a manifest, which is valid for an hour. */
export async function issueToken(
  cloud: CloudContext,
  token: { kind: TokenKind; script: string; manifest: string },
): Promise<string> {
  const now = Math.floor(cloud.clock() / 1000)
  return await new SignJWT(token)
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setIssuedAt(now)
    .setExpirationTime(now + lifetimeSeconds)
    .sign(cloud.store.assets.tokenKey())
}

/** Reads a token of the given kind. @throws ApiError `refusal` if it is invalid or has expired */
export async function readToken(
  cloud: CloudContext,
  token: string,
  kind: TokenKind,
  refusal: 'authentication' | 'invalidAssetToken',
): Promise<{ script: string; manifest: string }> {
  try {
    const { payload } = await jwtVerify(token, cloud.store.assets.tokenKey(), {
      algorithms: ['HS256'],
      currentDate: new Date(cloud.clock()),
    })
    const read = claims.parse(payload)
    if (read.kind !== kind) throw new ApiError(refusal, `The assets token is not a token of kind ${kind}.`)
    return read
  } catch (error) {
    if (error instanceof ApiError) throw error
    const problem = error instanceof errors.JWTExpired ? 'has expired' : 'is invalid'
    throw new ApiError(refusal, `The assets token ${problem}.`)
  }
}
