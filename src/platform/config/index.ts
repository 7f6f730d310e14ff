import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { resolve } from 'node:path'
import { z } from 'zod'
import { readEmbeddedPostgres } from '../../embedded/postgres/index.ts'
import { embeddedSecretKey } from '../../embedded/secret-key.ts'
import { ConfigError } from '../errors.ts'
import { postgresUrl } from '../postgres/index.ts'
import { redisUrl } from '../redis/index.ts'
import {
  type BinaryReleasesConfig,
  binaryReleasesConfig,
  binaryReleasesVariables,
} from './binary-releases.ts'
import { type CloudflareConfig, cloudflareConfig, cloudflareVariables } from './cloudflare.ts'
import { credentialText, flag, httpUrl, isAddress, listOf, passwordText, port } from './fields.ts'
import { type GitHubConfig, githubConfig, githubVariables } from './github.ts'
import { type ImageRegistryConfig, imageRegistryConfig, imageRegistryVariables } from './image-registry.ts'
import { type OrchestratorsConfig, orchestratorsConfig, orchestratorVariables } from './orchestrators.ts'
import { type RateLimitConfig, rateLimitConfig, rateLimitVariables } from './rate-limit.ts'

export type { BinaryReleasesConfig, BucketConfig } from './binary-releases.ts'
export type { CloudflareCredentials, Environment } from './cloudflare.ts'
export type { GitHubConfig } from './github.ts'
export type { OrchestratorsConfig } from './orchestrators.ts'
export { type RateLimitConfig, type RateLimitRule, rateLimitBounds } from './rate-limit.ts'

import {
  type ReleaseTrackerConfig,
  releaseTrackerConfig,
  releaseTrackerVariables,
} from './release-tracker.ts'

export { hashOfKey, nameShape, powersOf, type TrackerKey, type TrackerMode } from './api-keys.ts'
export type { MasterConfig, ReleaseTrackerConfig } from './release-tracker.ts'

/** Everything the processes are told from outside, parsed once. No other module reads `process.env`. */
export interface Config {
  /** True when nothing outside this machine is configured: our own PostgreSQL and the local cloud. */
  embedded: boolean
  service: { name: string; version: string }
  host: string
  port: number
  /** Source of all absolute URLs of ours, without a trailing slash; also decides the Secure cookie flag. */
  publicUrl: string
  dataDir: string
  /** Unset only on the embedded default before PostgreSQL was first started. */
  databaseUrl: string | undefined
  /** The same database past a pooler, for what needs a session: notifications, migrations, the queues' tables. */
  directDatabaseUrl: string | undefined
  redisUrl: string | undefined
  secretKey: string
  /** Keys that may still open what was sealed before a rotation. */
  previousSecretKeys: string[]
  logLevel: 'debug' | 'info' | 'warn' | 'error'
  /** Undefined: for people on a terminal, JSON elsewhere. */
  logFormat: 'json' | 'pretty' | undefined
  trustedProxies: string[]
  admin: { username: string; email: string; password: string | undefined }
  localCloud: {
    enabled: boolean
    port: number
    token: string | undefined
    privateNetwork: boolean
    zones: string[]
  }
  cloudflare: CloudflareConfig
  github: GitHubConfig
  rateLimits: RateLimitConfig
  binaryReleases: BinaryReleasesConfig
  releaseTracker: ReleaseTrackerConfig
  /** Of the local cloud; unset, images are not copied there. */
  imageRegistry: ImageRegistryConfig | undefined
  orchestrators: OrchestratorsConfig
}

/** Where a browser on this machine finds us: brackets for IPv6, loopback for "all addresses". */
function localOrigin(host: string, port: number): string {
  const reachable = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host
  return `http://${isIP(reachable) === 6 ? `[${reachable}]` : reachable}:${port}`
}

const variables = z.object({
  ENVIRONMENT: z.enum(['development', 'production']).optional(),
  SERVICE_NAME: z.string().min(1).default('capstan'),
  VERSION: flag('VERSION'),
  HOST: z.string().min(1).default('127.0.0.1'),
  PORT: port(8000),
  PUBLIC_URL: httpUrl.optional(),
  DATA_DIR: z.string().min(1).default('.capstan'),
  DATABASE_URL: postgresUrl.optional(),
  DATABASE_DIRECT_URL: postgresUrl.optional(),
  REDIS_URL: redisUrl.optional(),
  SECRET_KEY: z.string().min(32, 'expected at least 32 characters').optional(),
  SECRET_KEY_PREVIOUS: flag('SECRET_KEY_PREVIOUS'),
  LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error']).default('info'),
  LOG_FORMAT: z.enum(['json', 'pretty'], 'expected json or pretty').optional(),
  TRUSTED_PROXIES: z
    .string()
    .refine((list) => listOf(list).every(isAddress), 'expected IP addresses or networks like 10.0.0.0/8')
    .default(''),
  ADMIN_USERNAME: z.string().min(3).max(50).default('admin'),
  ADMIN_EMAIL: z
    .string()
    .max(255)
    .regex(/^[^@\s]+@[^@\s]+$/, 'expected an e-mail address')
    .default('admin@localhost'),
  ADMIN_PASSWORD: passwordText.min(8, 'expected at least 8 characters').optional(),
  LOCAL_CLOUD_PORT: port(8787),
  LOCAL_CLOUD_TOKEN: credentialText('LOCAL_CLOUD_TOKEN')
    .min(20, 'expected at least 20 characters')
    .optional(),
  LOCAL_CLOUD_ZONES: z
    .string()
    .refine(
      (list) =>
        listOf(list).every((name) => /^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}$/.test(name)),
      'expected domain names in lower case',
    )
    .default('capstan.test'),
  LOCAL_CLOUD_PRIVATE_NETWORK: z.literal('allow', 'expected allow, or unset').optional(),
  CLOUDFLARE_TARGET: z.literal('local').optional(),
  ...cloudflareVariables.shape,
  ...githubVariables.shape,
  ...rateLimitVariables.shape,
  ...binaryReleasesVariables.shape,
  ...releaseTrackerVariables.shape,
  ...imageRegistryVariables.shape,
  ...orchestratorVariables.shape,
})
type Variables = z.infer<typeof variables>

/** The names of all settings. */
export const knownSettings: readonly string[] = Object.keys(variables.shape)

// What examples and templates say where a key belongs.
const placeholder = /change[-_ ]?(this|me)|your[-_ ]?secret|example/i

/**
 * Parses the environment into a Config. All faults are reported together.
 * @throws ConfigError with one line per faulty variable; values are never shown.
 */
export function loadConfig(env: NodeJS.ProcessEnv): Config {
  const present = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined))
  const { vars, faults } = readVariables(present)
  const production = vars.ENVIRONMENT === 'production' || present.DATABASE_URL !== undefined
  if (production) faults.push(...productionFaults(vars, present))
  if (vars.DATABASE_DIRECT_URL !== undefined && present.DATABASE_URL === undefined)
    faults.push('DATABASE_DIRECT_URL: only of use together with DATABASE_URL')
  const cloudflare = cloudflareConfig(vars, faults)
  const github = githubConfig(vars, faults)
  const binaryReleases = binaryReleasesConfig(vars, faults)
  const rateLimits = rateLimitConfig(vars)
  const releaseTracker = releaseTrackerConfig(vars, rateLimits, faults)
  const imageRegistry = imageRegistryConfig(vars, faults)
  if (faults.length > 0) throw new ConfigError(faults)

  const dataDir = resolve(vars.DATA_DIR)
  const databaseUrl = vars.DATABASE_URL ?? readEmbeddedPostgres(dataDir)?.url
  const directDatabaseUrl = vars.DATABASE_DIRECT_URL ?? databaseUrl
  return {
    embedded: !production,
    service: { name: vars.SERVICE_NAME, version: vars.VERSION ?? packageVersion() },
    host: vars.HOST,
    port: vars.PORT,
    publicUrl: (vars.PUBLIC_URL ?? localOrigin(vars.HOST, vars.PORT)).replace(/\/+$/, ''),
    dataDir,
    databaseUrl,
    directDatabaseUrl,
    redisUrl: vars.REDIS_URL,
    secretKey: vars.SECRET_KEY ?? embeddedSecretKey(dataDir),
    previousSecretKeys: vars.SECRET_KEY_PREVIOUS?.split(',') ?? [],
    logLevel: vars.LOG_LEVEL,
    logFormat: vars.LOG_FORMAT,
    trustedProxies: listOf(vars.TRUSTED_PROXIES),
    admin: { username: vars.ADMIN_USERNAME, email: vars.ADMIN_EMAIL, password: vars.ADMIN_PASSWORD },
    localCloud: {
      // A slave only collects: it deploys nothing.
      enabled: vars.MODE !== 'slave' && (vars.CLOUDFLARE_TARGET === 'local' || !production),
      port: vars.LOCAL_CLOUD_PORT,
      token: vars.LOCAL_CLOUD_TOKEN,
      zones: listOf(vars.LOCAL_CLOUD_ZONES),
      privateNetwork: vars.LOCAL_CLOUD_PRIVATE_NETWORK === 'allow',
    },
    cloudflare,
    github,
    rateLimits,
    binaryReleases,
    releaseTracker,
    imageRegistry,
    orchestrators: orchestratorsConfig(vars),
  }
}

/**
 * The address that a web process with these variables listens on; reads nothing else and creates nothing.
 * @throws ConfigError for a faulty HOST or PORT
 */
export function listenAddress(env: NodeJS.ProcessEnv): { host: string; port: number } {
  const { HOST, PORT } = env
  const parsed = variables.pick({ HOST: true, PORT: true }).safeParse({ HOST, PORT })
  if (parsed.success) return { host: parsed.data.HOST, port: parsed.data.PORT }
  throw new ConfigError(parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`))
}

/** What is well-formed is read even beside faults, so that the checks across variables can add theirs. */
function readVariables(present: NodeJS.ProcessEnv): { vars: Variables; faults: string[] } {
  const parsed = variables.safeParse(present)
  if (parsed.success) return { vars: parsed.data, faults: [] }
  const { issues } = parsed.error
  const faulty = new Set(issues.map((issue) => String(issue.path[0])))
  const rest = Object.fromEntries(Object.entries(present).filter(([name]) => !faulty.has(name)))
  return {
    vars: variables.parse(rest),
    faults: issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`),
  }
}

/** A production start generates and guesses nothing: what is missing stops it. */
function productionFaults(vars: Variables, present: NodeJS.ProcessEnv): string[] {
  const faults: string[] = []
  if (present.DATABASE_URL === undefined) faults.push('DATABASE_URL: required in production')
  if (present.SECRET_KEY === undefined)
    faults.push('SECRET_KEY: required in production, 32 characters or more')
  else if (vars.SECRET_KEY === undefined) return faults
  else if (placeholder.test(vars.SECRET_KEY) || new Set(vars.SECRET_KEY).size < 8)
    faults.push('SECRET_KEY: this is a default or a guessable key; generate one with openssl rand -base64 32')
  return faults
}

function packageVersion(): string {
  const file = new URL('../../../package.json', import.meta.url)
  return z.object({ version: z.string() }).parse(JSON.parse(readFileSync(file, 'utf8'))).version
}

/** The URL that keeps a session. @throws ConfigError like `requireDatabaseUrl` */
export function requireDirectDatabaseUrl(config: Config): string {
  return config.directDatabaseUrl ?? requireDatabaseUrl(config)
}

/** The database's URL, or a clear fault when the embedded default was never started. */
export function requireDatabaseUrl(config: Config): string {
  if (config.databaseUrl !== undefined) return config.databaseUrl
  throw new ConfigError([
    'DATABASE_URL: not set, and no embedded database was started here yet: run npm start',
  ])
}
