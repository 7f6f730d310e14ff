import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { resolve } from 'node:path'
import { z } from 'zod'
import { ConfigError } from '../errors.ts'
import { listOf } from './fields.ts'
import { type RateLimitConfig, rateLimitConfig } from './rate-limit.ts'
import { platformVariables } from './variables.ts'

export { type RateLimitConfig, type RateLimitRule, rateLimitBounds } from './rate-limit.ts'
export { platformVariables } from './variables.ts'

/** The settings that every process needs, independent of the domains. */
export interface PlatformConfig {
  /** True for the embedded default, which runs its own PostgreSQL and the local cloud on this machine. */
  embedded: boolean
  service: { name: string; version: string }
  host: string
  port: number
  /** The base of all absolute URLs, without a trailing slash; its scheme also decides the cookies' Secure flag. */
  publicUrl: string
  dataDir: string
  /** Undefined only for the embedded default before the first start of PostgreSQL. */
  databaseUrl: string | undefined
  /** The same database without a pooler, for notifications, migrations and the queues' tables, which need a session. */
  directDatabaseUrl: string | undefined
  redisUrl: string | undefined
  secretKey: string
  /** Earlier keys, which still open secrets that were sealed before a rotation. */
  previousSecretKeys: string[]
  logLevel: 'debug' | 'info' | 'warn' | 'error'
  /** Undefined: readable text on a terminal, JSON elsewhere. */
  logFormat: 'json' | 'pretty' | undefined
  trustedProxies: string[]
  rateLimits: RateLimitConfig
}

/** The URL for a browser on this machine: brackets around IPv6, loopback in place of the unspecified address. */
function localOrigin(host: string, port: number): string {
  const reachable = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host
  return `http://${isIP(reachable) === 6 ? `[${reachable}]` : reachable}:${port}`
}

type Variables = z.infer<typeof platformVariables>

// Placeholders that examples and templates contain in place of a key.
const placeholder = /change[-_ ]?(this|me)|your[-_ ]?secret|example/i

/** True if settings must be given and none is generated; false for the embedded default. */
export const isProduction = (
  vars: Pick<Variables, 'ENVIRONMENT' | 'DATABASE_URL'>,
  env: NodeJS.ProcessEnv,
): boolean => vars.ENVIRONMENT === 'production' || env.DATABASE_URL !== undefined

/** The faults that concern several settings of the platform. @param env without undefined values */
export function platformFaults(vars: Variables, env: NodeJS.ProcessEnv): string[] {
  const faults = isProduction(vars, env) ? productionFaults(vars, env) : []
  if (vars.DATABASE_DIRECT_URL !== undefined && env.DATABASE_URL === undefined)
    faults.push('DATABASE_DIRECT_URL: requires DATABASE_URL')
  return faults
}

/** The values that the embedded default stores in DATA_DIR for settings that are not given. */
export interface EmbeddedDefaults {
  /** Undefined before the first start of PostgreSQL. */
  databaseUrl(dataDir: string): string | undefined
  /** Generated on first use. */
  secretKey(dataDir: string): string
}

/** @param vars without faults, see `platformFaults` */
export function platformConfig(
  vars: Variables,
  env: NodeJS.ProcessEnv,
  embedded: EmbeddedDefaults,
): PlatformConfig {
  const dataDir = resolve(vars.DATA_DIR)
  const databaseUrl = vars.DATABASE_URL ?? embedded.databaseUrl(dataDir)
  return {
    embedded: !isProduction(vars, env),
    service: { name: vars.SERVICE_NAME, version: vars.VERSION ?? packageVersion() },
    host: vars.HOST,
    port: vars.PORT,
    publicUrl: (vars.PUBLIC_URL ?? localOrigin(vars.HOST, vars.PORT)).replace(/\/+$/, ''),
    dataDir,
    databaseUrl,
    directDatabaseUrl: vars.DATABASE_DIRECT_URL ?? databaseUrl,
    redisUrl: vars.REDIS_URL,
    secretKey: vars.SECRET_KEY ?? embedded.secretKey(dataDir),
    previousSecretKeys: vars.SECRET_KEY_PREVIOUS?.split(',') ?? [],
    logLevel: vars.LOG_LEVEL,
    logFormat: vars.LOG_FORMAT,
    trustedProxies: listOf(vars.TRUSTED_PROXIES),
    rateLimits: rateLimitConfig(vars),
  }
}

/**
 * The address on which a web process with these variables listens. Reads no other settings and creates no files.
 * @throws ConfigError for a faulty HOST or PORT
 */
export function listenAddress(env: NodeJS.ProcessEnv): { host: string; port: number } {
  const { HOST: host, PORT: port } = parseVariables(platformVariables.pick({ HOST: true, PORT: true }), env)
  return { host, port }
}

/** The variable with the folder in which an installation keeps its files. */
export const dataDirVariable = platformVariables.pick({ DATA_DIR: true })

/** Parses some variables and ignores all others. @throws ConfigError with one line for each faulty variable */
export function parseVariables<Shape extends z.ZodObject>(
  schema: Shape,
  env: NodeJS.ProcessEnv,
): z.output<Shape> {
  const given = Object.entries(env).filter(([, value]) => value !== undefined)
  const parsed = schema.safeParse(Object.fromEntries(given))
  if (parsed.success) return parsed.data
  throw new ConfigError(faultsOf(parsed.error))
}

/** One line for each faulty variable, without its value. */
export const faultsOf = ({ issues }: z.ZodError): string[] =>
  issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`)

/** The faults of a production start, which generates no settings: a missing one is a fault. */
function productionFaults(vars: Variables, present: NodeJS.ProcessEnv): string[] {
  const faults: string[] = []
  if (present.DATABASE_URL === undefined) faults.push('DATABASE_URL: required in production')
  if (present.SECRET_KEY === undefined)
    faults.push('SECRET_KEY: required in production, 32 characters or more')
  else if (vars.SECRET_KEY === undefined) return faults
  else if (placeholder.test(vars.SECRET_KEY) || new Set(vars.SECRET_KEY).size < 8)
    faults.push('SECRET_KEY: a default or guessable key; generate one with openssl rand -base64 32')
  return faults
}

function packageVersion(): string {
  const file = new URL('../../../package.json', import.meta.url)
  return z.object({ version: z.string() }).parse(JSON.parse(readFileSync(file, 'utf8'))).version
}

/** The URL of the database without a pooler. @throws ConfigError like `requireDatabaseUrl` */
export function requireDirectDatabaseUrl(
  config: Pick<PlatformConfig, 'databaseUrl' | 'directDatabaseUrl'>,
): string {
  return config.directDatabaseUrl ?? requireDatabaseUrl(config)
}

/** The database's URL. @throws ConfigError if the embedded default was never started */
export function requireDatabaseUrl(config: Pick<PlatformConfig, 'databaseUrl'>): string {
  if (config.databaseUrl !== undefined) return config.databaseUrl
  throw new ConfigError(['DATABASE_URL: not set, and DATA_DIR has no embedded database yet: run npm start'])
}
