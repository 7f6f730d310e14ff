import { z } from 'zod'
import { credential, httpUrl } from './fields.ts'

export type Environment = 'staging' | 'production'

/** Where one environment's Cloudflare API answers, and the credentials for it. */
export interface CloudflareCredentials {
  accountId: string
  apiToken: string
}

export interface CloudflareConfig {
  baseUrl: string
  credentials: Record<Environment, CloudflareCredentials | undefined>
  /** How long an upload whose answer was lost is waited for before it is sent again. */
  settleSeconds: number
  /** How long a call may stay without an answer; an upload gets longer. */
  answerSeconds: number
  /** How long the rollout of a container is waited for. */
  rolloutSeconds: number
}

export const cloudflareVariables = z.object({
  CLOUDFLARE_API_BASE_URL: httpUrl
    .refine(
      (url) => /^(https:|http:\/\/(127\.|localhost|\[::1\]))/.test(url),
      'expected https, since a token goes there; http only on this machine',
    )
    .default('https://api.cloudflare.com/client/v4'),
  CLOUDFLARE_SETTLE_SECONDS: z.coerce
    .number('expected a number of seconds')
    .min(0, 'expected 0 to 300 seconds')
    .max(300, 'expected 0 to 300 seconds')
    .default(30),
  CLOUDFLARE_ANSWER_SECONDS: z.coerce
    .number('expected a number of seconds')
    .min(0.1, 'expected 0.1 to 20 seconds')
    .max(20, 'expected 0.1 to 20 seconds')
    .default(20),
  CLOUDFLARE_ROLLOUT_SECONDS: z.coerce
    .number('expected a number of seconds')
    .min(1, 'expected 1 to 540 seconds')
    .max(540, 'expected 1 to 540 seconds')
    .default(540),
  CLOUDFLARE_API_TOKEN: credential('CLOUDFLARE_API_TOKEN'),
  CLOUDFLARE_ACCOUNT_ID: credential('CLOUDFLARE_ACCOUNT_ID'),
  CLOUDFLARE_API_TOKEN_STAGING: credential('CLOUDFLARE_API_TOKEN_STAGING'),
  CLOUDFLARE_ACCOUNT_ID_STAGING: credential('CLOUDFLARE_ACCOUNT_ID_STAGING'),
  CLOUDFLARE_API_TOKEN_PRODUCTION: credential('CLOUDFLARE_API_TOKEN_PRODUCTION'),
  CLOUDFLARE_ACCOUNT_ID_PRODUCTION: credential('CLOUDFLARE_ACCOUNT_ID_PRODUCTION'),
})
type Variables = z.infer<typeof cloudflareVariables>

export function cloudflareConfig(vars: Variables, faults: string[]): CloudflareConfig {
  const credentials = {
    staging: credentialsOf(vars, 'STAGING', faults),
    production: credentialsOf(vars, 'PRODUCTION', faults),
  }
  return {
    baseUrl: vars.CLOUDFLARE_API_BASE_URL.replace(/\/+$/, ''),
    credentials,
    settleSeconds: vars.CLOUDFLARE_SETTLE_SECONDS,
    answerSeconds: vars.CLOUDFLARE_ANSWER_SECONDS,
    rolloutSeconds: vars.CLOUDFLARE_ROLLOUT_SECONDS,
  }
}

/** A group is whole or absent: half of it is a fault, not a guess. */
function credentialsOf(vars: Variables, suffix: 'STAGING' | 'PRODUCTION', faults: string[]) {
  const token = vars[`CLOUDFLARE_API_TOKEN_${suffix}`] ?? vars.CLOUDFLARE_API_TOKEN
  const account = vars[`CLOUDFLARE_ACCOUNT_ID_${suffix}`] ?? vars.CLOUDFLARE_ACCOUNT_ID
  if (token === undefined && account === undefined) return undefined
  if (token === undefined || account === undefined) {
    const missing = token === undefined ? 'CLOUDFLARE_API_TOKEN' : 'CLOUDFLARE_ACCOUNT_ID'
    faults.push(`${missing}[_${suffix}]: required when its counterpart is set`)
    return undefined
  }
  if (!/^[0-9a-f]{32}$/.test(account)) {
    faults.push(`CLOUDFLARE_ACCOUNT_ID[_${suffix}]: expected 32 hexadecimal digits`)
    return undefined
  }
  return { accountId: account, apiToken: token }
}
