import { z } from 'zod'
import { postgresUrl } from '../postgres/address.ts'
import { redisUrl } from '../redis/address.ts'
import { flag, httpUrl, isAddress, listOf, port } from './fields.ts'
import { rateLimitVariables } from './rate-limit.ts'
import { type Program, settingGroup } from './settings.ts'

const programs: Program[] = ['web', 'worker', 'migrate', 'local cloud']
const all: Program[] = [...programs, 'commands']
const service = settingGroup('The service', ['web'])
const storage = settingGroup('Storage and queues', ['web', 'worker', 'migrate', 'commands'])
const secrets = settingGroup('Secrets', ['web', 'worker', 'migrate', 'commands'])

/** The variables that do not belong to a domain. */
export const platformVariables = z.object({
  ENVIRONMENT: service(
    z.enum(['development', 'production']).optional(),
    'production: no secret is generated and no value is guessed, as with a set DATABASE_URL',
    { usedBy: all, without: 'development' },
  ),
  SERVICE_NAME: service(z.string().min(1).default('capstan'), '`service` in the answer of /health'),
  VERSION: service(flag('VERSION'), '`version` in the answer of /health', {
    without: 'the version of package.json',
  }),
  HOST: service(z.string().min(1).default('127.0.0.1'), 'address on which the web process listens', {
    usedBy: ['web', 'commands'],
  }),
  PORT: service(port(8000), 'port on which the web process listens', { usedBy: ['web', 'commands'] }),
  PUBLIC_URL: service(httpUrl.optional(), 'base of absolute URLs in answers; https makes cookies Secure', {
    usedBy: ['web', 'worker', 'migrate'],
    without: 'http:// with HOST and PORT',
  }),
  DATA_DIR: service(
    z.string().min(1).default('.capstan'),
    'folder of the embedded PostgreSQL, generated keys, release files and the local cloud',
    { usedBy: all },
  ),
  DATABASE_URL: storage(
    postgresUrl.optional(),
    'postgresql://user:password@host:5432/capstan, of PostgreSQL 15 or newer',
    { secret: true, without: 'the embedded PostgreSQL' },
  ),
  DATABASE_DIRECT_URL: storage(
    postgresUrl.optional(),
    'the same database without PgBouncer, for work that needs a session (docs/outages.md)',
    { secret: true, without: 'DATABASE_URL' },
  ),
  REDIS_URL: storage(redisUrl.optional(), 'redis://..., a Cluster or Sentinels (docs/outages.md)', {
    usedBy: ['web', 'worker'],
    secret: true,
    without: 'queues on PostgreSQL',
  }),
  SECRET_KEY: secrets(
    z.string().min(32, 'expected at least 32 characters').optional(),
    'key of sealed values and signed tokens; 32 characters or more: openssl rand -base64 32',
    { secret: true, without: 'generated in DATA_DIR; required in production' },
  ),
  SECRET_KEY_PREVIOUS: secrets(
    flag('SECRET_KEY_PREVIOUS'),
    'comma-separated earlier keys, for values that were sealed with them',
    { secret: true },
  ),
  LOG_LEVEL: service(
    z.enum(['debug', 'info', 'warn', 'error']).default('info'),
    'least important level that is logged: debug, info, warn or error',
    { usedBy: programs },
  ),
  LOG_FORMAT: service(z.enum(['json', 'pretty'], 'expected json or pretty').optional(), 'json or pretty', {
    usedBy: programs,
    without: 'pretty on a terminal, json elsewhere',
  }),
  TRUSTED_PROXIES: service(
    z
      .string()
      .refine((list) => listOf(list).every(isAddress), 'expected IP addresses or networks like 10.0.0.0/8')
      .default(''),
    'comma-separated addresses and networks whose X-Forwarded-For and X-authentik-* headers are trusted',
  ),
  ...rateLimitVariables.shape,
})
