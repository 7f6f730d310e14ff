import { randomUUID } from 'node:crypto'
import { expect } from 'vitest'
import { createJwts } from '../../../src/accounts/credentials/jwt.ts'
import { loadConfig } from '../../../src/config.ts'
import { createSecrets } from '../../../src/platform/secrets.ts'
import type { Stack } from '../../helpers/stack.ts'
import type { Answer } from './client.ts'

/** Expects the error envelope, without internal details. */
export function expectRefusal(answer: Answer, status: number, code: string) {
  expect([answer.status, answer.json?.error.code]).toEqual([status, code])
  const { message, details, retryable, suggestedAction } = answer.json.error
  expect(typeof message).toBe('string')
  expect(typeof retryable).toBe('boolean')
  expect(suggestedAction).toMatch(/\S/)
  expect(details.correlationId).toBe(answer.headers.get('x-request-id'))
  expect(Date.parse(details.timestamp)).toBeGreaterThan(0)
  expect(answer.text).not.toMatch(/node_modules|\.ts:\d|select |zod/i)
}

export const fieldsOf = (answer: Answer): string[] =>
  answer.json.error.details.fields.map((field: { path: string }) => field.path)

/** Signs a token like the stack, or with another key or time. */
function jwts(stack: Stack, other: { key?: string; now?: Date } = {}) {
  const { secretKey } = loadConfig({ DATA_DIR: stack.dataDir })
  return createJwts(createSecrets(other.key ?? secretKey), () => other.now ?? new Date())
}

/** Invalid variants of a valid token. */
export async function badTokens(stack: Stack, token: string): Promise<Record<string, string>> {
  const [header, payload, signature] = token.split('.')
  const claims = JSON.parse(Buffer.from(payload ?? '', 'base64url').toString())
  const longer = Buffer.from(JSON.stringify({ ...claims, exp: claims.exp + 9999 })).toString('base64url')
  const unsigned = Buffer.from('{"alg":"none","typ":"JWT"}').toString('base64url')
  const user = { id: claims.sub, sessionEpoch: claims.epoch }
  const anHourAgo = new Date(Date.now() - 3_600_000)
  const otherKey = 'another-key-of-32-characters-0123456'
  return {
    tampered: `${header}.${longer}.${signature}`,
    unsigned: `${unsigned}.${payload}.`,
    expired: await jwts(stack, { now: anHourAgo }).issue(user),
    foreign: await jwts(stack, { key: otherKey }).issue(user),
    unknown: await jwts(stack).issue({ id: randomUUID(), sessionEpoch: 1 }),
    token: `ora_${'A'.repeat(43)}`,
    shapeless: 'x',
  }
}
