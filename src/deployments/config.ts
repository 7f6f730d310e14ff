import { createPrivateKey, type KeyObject } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { credential, flag, httpUrl } from '../platform/config/fields.ts'
import { settingGroup } from '../platform/config/settings.ts'

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
  /** The limits of the content that clients send. */
  content: { totalMb: number; userMb: number }
  github: GitHubConfig
}

const apiUrl = httpUrl.refine(
  (url) => /^(https:|http:\/\/(127\.|localhost|\[::1\]))/.test(url),
  'expected https, since a token goes there; http only on this machine',
)

const targets = settingGroup('Deployment targets', ['web', 'worker'])
const content = settingGroup('Deployment targets', ['web'])
const megabytes = z.coerce
  .number('expected a number of MB')
  .int('expected a whole number of MB')
  .min(64, 'expected at least 64, the size of the largest module')
const github = settingGroup('GitHub App', ['web', 'worker'])

export const deploymentsVariables = z.object({
  CLOUDFLARE_TARGET: targets(
    z.literal('local').optional(),
    'local: deployments go to the local cloud in production, too',
    { without: 'the local cloud on the embedded default only' },
  ),
  CLOUDFLARE_API_BASE_URL: targets(
    apiUrl.default('https://api.cloudflare.com/client/v4'),
    'base URL of the Cloudflare API',
  ),
  CLOUDFLARE_SETTLE_SECONDS: targets(
    z.coerce
      .number('expected a number of seconds')
      .min(0, 'expected 0 to 300 seconds')
      .max(300, 'expected 0 to 300 seconds')
      .default(30),
    'time for which a call without an answer may still take effect',
    { unit: 'seconds' },
  ),
  CLOUDFLARE_ANSWER_SECONDS: targets(
    z.coerce
      .number('expected a number of seconds')
      .min(0.1, 'expected 0.1 to 20 seconds')
      .max(20, 'expected 0.1 to 20 seconds')
      .default(20),
    'time limit of a call; an upload has 4.5 times that',
    { unit: 'seconds' },
  ),
  CLOUDFLARE_ROLLOUT_SECONDS: targets(
    z.coerce
      .number('expected a number of seconds')
      .min(1, 'expected 1 to 540 seconds')
      .max(540, 'expected 1 to 540 seconds')
      .default(540),
    'time limit of the rollout of a container',
    { unit: 'seconds' },
  ),
  DEPLOY_CONTENT_MAX_MB: content(
    megabytes.default(51_200),
    'limit of the modules and static files of all deployments in the database',
    { unit: 'MB' },
  ),
  DEPLOY_CONTENT_USER_MAX_MB: content(
    megabytes.default(10_240),
    'limit of what one user or token has sent and not deployed',
    { unit: 'MB' },
  ),
  CLOUDFLARE_API_TOKEN: targets(
    credential('CLOUDFLARE_API_TOKEN'),
    'API token for both environments, always set together with CLOUDFLARE_ACCOUNT_ID',
    { secret: true, without: 'credentials stored through the API, or the local cloud' },
  ),
  CLOUDFLARE_ACCOUNT_ID: targets(
    credential('CLOUDFLARE_ACCOUNT_ID'),
    'account for both environments: 32 hexadecimal digits',
  ),
  CLOUDFLARE_API_TOKEN_STAGING: targets(credential('CLOUDFLARE_API_TOKEN_STAGING'), 'API token for staging', {
    secret: true,
    without: 'CLOUDFLARE_API_TOKEN',
  }),
  CLOUDFLARE_ACCOUNT_ID_STAGING: targets(credential('CLOUDFLARE_ACCOUNT_ID_STAGING'), 'account for staging', {
    without: 'CLOUDFLARE_ACCOUNT_ID',
  }),
  CLOUDFLARE_API_TOKEN_PRODUCTION: targets(
    credential('CLOUDFLARE_API_TOKEN_PRODUCTION'),
    'API token for production',
    { secret: true, without: 'CLOUDFLARE_API_TOKEN' },
  ),
  CLOUDFLARE_ACCOUNT_ID_PRODUCTION: targets(
    credential('CLOUDFLARE_ACCOUNT_ID_PRODUCTION'),
    'account for production',
    { without: 'CLOUDFLARE_ACCOUNT_ID' },
  ),
  GITHUB_API_BASE_URL: github(
    apiUrl.default('https://api.github.com'),
    'base URL of the GitHub API; of GitHub Enterprise Server: https://host/api/v3',
  ),
  GITHUB_APP_ID: github(
    z
      .string()
      .trim()
      .regex(/^(\d{1,20}|[A-Za-z0-9.]{8,64})$/, "expected the App's id or client id")
      .optional(),
    'id or client id of the GitHub App; needs one of the two keys',
    { without: 'nothing is reported to GitHub' },
  ),
  GITHUB_APP_PRIVATE_KEY: github(
    flag('GITHUB_APP_PRIVATE_KEY'),
    'RSA key of the App in PEM; line breaks may be written as \\n',
    { secret: true },
  ),
  GITHUB_APP_PRIVATE_KEY_FILE: github(
    flag('GITHUB_APP_PRIVATE_KEY_FILE'),
    'file with that key, in place of GITHUB_APP_PRIVATE_KEY',
  ),
})
type Variables = z.infer<typeof deploymentsVariables>

/** Builds the configuration. @param faults receives the faults, which prevent the start */
export function deploymentsConfig(vars: Variables, faults: string[]): DeploymentsConfig {
  const content = { totalMb: vars.DEPLOY_CONTENT_MAX_MB, userMb: vars.DEPLOY_CONTENT_USER_MAX_MB }
  return { cloudflare: cloudflareOf(vars, faults), content, github: githubOf(vars, faults) }
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
