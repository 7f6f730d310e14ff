import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { resolve } from 'node:path'
import { z } from 'zod'
import { ConfigError } from '../errors.ts'
import { postgresUrl } from '../postgres/index.ts'
import { redisUrl } from '../redis/index.ts'
import { flag, httpUrl, isAddress, listOf, port } from './fields.ts'
import { type RateLimitConfig, rateLimitConfig, rateLimitVariables } from './rate-limit.ts'

export { type RateLimitConfig, type RateLimitRule, rateLimitBounds } from './rate-limit.ts'

/** What every process needs, whatever the domains need besides. */
export interface PlatformConfig {
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
  rateLimits: RateLimitConfig
}

/** Where a browser on this machine finds us: brackets for IPv6, loopback for "all addresses". */
function localOrigin(host: string, port: number): string {
  const reachable = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host
  return `http://${isIP(reachable) === 6 ? `[${reachable}]` : reachable}:${port}`
}

export const platformVariables = z.object({
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
  ...rateLimitVariables.shape,
})
type Variables = z.infer<typeof platformVariables>

// What examples and templates say where a key belongs.
const placeholder = /change[-_ ]?(this|me)|your[-_ ]?secret|example/i

/** True for a start that generates and guesses nothing; false for the embedded default. */
export const isProduction = (
  vars: Pick<Variables, 'ENVIRONMENT' | 'DATABASE_URL'>,
  env: NodeJS.ProcessEnv,
): boolean => vars.ENVIRONMENT === 'production' || env.DATABASE_URL !== undefined

/** Faults of the platform's settings that concern several of them. @param env without undefined values */
export function platformFaults(vars: Variables, env: NodeJS.ProcessEnv): string[] {
  const faults = isProduction(vars, env) ? productionFaults(vars, env) : []
  if (vars.DATABASE_DIRECT_URL !== undefined && env.DATABASE_URL === undefined)
    faults.push('DATABASE_DIRECT_URL: only of use together with DATABASE_URL')
  return faults
}

/** What the embedded default keeps in DATA_DIR for the settings that are not set. */
export interface EmbeddedDefaults {
  /** Undefined before PostgreSQL was first started. */
  databaseUrl(dataDir: string): string | undefined
  /** Made on first use. */
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
 * The address that a web process with these variables listens on; reads nothing else and creates nothing.
 * @throws ConfigError for a faulty HOST or PORT
 */
export function listenAddress(env: NodeJS.ProcessEnv): { host: string; port: number } {
  const { HOST: host, PORT: port } = parseVariables(platformVariables.pick({ HOST: true, PORT: true }), env)
  return { host, port }
}

/** Where an installation keeps its files. */
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
export function requireDirectDatabaseUrl(
  config: Pick<PlatformConfig, 'databaseUrl' | 'directDatabaseUrl'>,
): string {
  return config.directDatabaseUrl ?? requireDatabaseUrl(config)
}

/** The database's URL, or a clear fault when the embedded default was never started. */
export function requireDatabaseUrl(config: Pick<PlatformConfig, 'databaseUrl'>): string {
  if (config.databaseUrl !== undefined) return config.databaseUrl
  throw new ConfigError([
    'DATABASE_URL: not set, and no embedded database was started here yet: run npm start',
  ])
}
