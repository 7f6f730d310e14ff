import { createPrivateKey, type KeyObject } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { credential, flag, httpUrl } from '../platform/config/fields.ts'

export type Environment = 'staging' | 'production'

/** The Cloudflare account and token of one environment. */
export interface CloudflareCredentials {
  accountId: string
  apiToken: string
}

export interface CloudflareConfig {
  baseUrl: string
  credentials: Record<Environment, CloudflareCredentials | undefined>
  /** Time to wait for an upload whose answer was lost, before it is sent again. */
  settleSeconds: number
  /** Time limit of a call; uploads get longer. */
  answerSeconds: number
  /** Time limit for the rollout of a container. */
  rolloutSeconds: number
}

/** The base URL of GitHub's API, and the GitHub App of the installation's owner; undefined without an App. */
export interface GitHubConfig {
  baseUrl: string
  app: { id: string; privateKey: KeyObject } | undefined
}

export interface DeploymentsConfig {
  cloudflare: CloudflareConfig
  github: GitHubConfig
}

const apiUrl = httpUrl.refine(
  (url) => /^(https:|http:\/\/(127\.|localhost|\[::1\]))/.test(url),
  'expected https, since a token goes there; http only on this machine',
)

export const deploymentsVariables = z.object({
  CLOUDFLARE_TARGET: z.literal('local').optional(),
  CLOUDFLARE_API_BASE_URL: apiUrl.default('https://api.cloudflare.com/client/v4'),
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
  GITHUB_API_BASE_URL: apiUrl.default('https://api.github.com'),
  GITHUB_APP_ID: z
    .string()
    .trim()
    .regex(/^(\d{1,20}|[A-Za-z0-9.]{8,64})$/, "expected the App's id or client id")
    .optional(),
  GITHUB_APP_PRIVATE_KEY: flag('GITHUB_APP_PRIVATE_KEY'),
  GITHUB_APP_PRIVATE_KEY_FILE: flag('GITHUB_APP_PRIVATE_KEY_FILE'),
})
type Variables = z.infer<typeof deploymentsVariables>

/** Builds the configuration. @param faults receives the faults, which prevent the start */
export function deploymentsConfig(vars: Variables, faults: string[]): DeploymentsConfig {
  return { cloudflare: cloudflareOf(vars, faults), github: githubOf(vars, faults) }
}

function cloudflareOf(vars: Variables, faults: string[]): CloudflareConfig {
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

/** The credentials of an environment, if set. A token without an account, or the reverse, is a fault. */
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

function githubOf(vars: Variables, faults: string[]): GitHubConfig {
  return { baseUrl: vars.GITHUB_API_BASE_URL.replace(/\/+$/, ''), app: appOf(vars, faults) }
}

/** The GitHub App, if set. An id without a key, or the reverse, is a fault. */
function appOf(vars: Variables, faults: string[]): GitHubConfig['app'] {
  const { GITHUB_APP_ID: id, GITHUB_APP_PRIVATE_KEY: text, GITHUB_APP_PRIVATE_KEY_FILE: file } = vars
  if (id === undefined && text === undefined && file === undefined) return undefined
  if (text !== undefined && file !== undefined) {
    faults.push('GITHUB_APP_PRIVATE_KEY: set it or GITHUB_APP_PRIVATE_KEY_FILE, not both')
    return undefined
  }
  if (id === undefined) {
    faults.push('GITHUB_APP_ID: required when a private key is set')
    return undefined
  }
  const name = file === undefined ? 'GITHUB_APP_PRIVATE_KEY' : 'GITHUB_APP_PRIVATE_KEY_FILE'
  const pem = file === undefined ? text : readTextFile(file)
  // Variables that must be one line often contain the line breaks as \n.
  const privateKey = pem === undefined ? undefined : rsaKey(pem.replaceAll('\\n', '\n'))
  if (privateKey === undefined) {
    faults.push(`${name}: expected ${file === undefined ? '' : 'a file with '}an RSA private key in PEM`)
    return undefined
  }
  return { id, privateKey }
}

function readTextFile(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}

/** Parses a key in PKCS#1 or PKCS#8. The parser's error is dropped, because it may quote the key. */
function rsaKey(pem: string): KeyObject | undefined {
  try {
    const key = createPrivateKey(pem)
    return key.asymmetricKeyType === 'rsa' ? key : undefined
  } catch {
    return undefined
  }
}
