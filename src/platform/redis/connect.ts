import { Cluster, Redis, type RedisOptions } from 'ioredis'
import { within } from '../deadline.ts'
import { ConfigError } from '../errors.ts'
import { parseRedisUrl, type RedisAddress } from './address.ts'

/**
 * Limits on every wait. `socketTimeout` is the longest silence after a command; it closes the connection, and the
 * library makes another one.
 */
const limits = {
  connectTimeout: 5000,
  socketTimeout: 5000,
  keepAlive: 10_000,
  sentinelCommandTimeout: 3000,
} as const

/** Milliseconds; more than the ten seconds for which the queue library waits for work in one blocking command. */
const blockingSocketTimeout = 12_000

const retryStrategy = (times: number) => Math.min(times * 200, 2000)

/**
 * A server that became a replica refuses writes, on connections that stay open. A new connection leads to the new
 * master, where the address or the Sentinels follow it; then the command is sent again.
 */
const reconnectOnError = ({ message }: Error) => (message.includes('READONLY') ? 2 : false)

/** @param url one of the forms in `address.ts` */
export function connectRedis(url: string, options: RedisOptions): Redis | Cluster {
  const address = parseRedisUrl(url)
  const { enableOfflineQueue = true, ...rest } = options
  const common: RedisOptions = {
    ...limits,
    ...address.login,
    ...(address.tls ? { tls: tlsOf(address) } : {}),
    ...(address.family === undefined ? {} : { family: address.family }),
    reconnectOnError,
    ...rest,
  }
  if (address.kind === 'cluster') {
    const cluster = { enableOfflineQueue, redisOptions: common, clusterRetryStrategy: retryStrategy }
    return new Cluster(address.servers, { ...cluster, slotsRefreshInterval: 5000, ...byName(address) })
  }
  return new Redis({ ...common, enableOfflineQueue, retryStrategy, ...placeOf(address) })
}

/**
 * For a worker of the queue library, which waits for work on a copy of this connection, in commands that are silent for
 * longer than any other may be. A Cluster's copy has the options of the original, so they are the longer ones for both.
 */
export function connectForBlocking(url: string): Redis | Cluster {
  const isCluster = parseRedisUrl(url).kind === 'cluster'
  const socketTimeout = isCluster ? blockingSocketTimeout : limits.socketTimeout
  const connection = connectRedis(url, { maxRetriesPerRequest: null, socketTimeout })
  if (connection instanceof Redis) {
    connection.duplicate = (override) =>
      new Redis({ ...connection.options, ...override, socketTimeout: blockingSocketTimeout })
  }
  return connection
}

const tlsOf = ({ verified }: RedisAddress) => (verified ? {} : { rejectUnauthorized: false })

function placeOf(address: Exclude<RedisAddress, { kind: 'cluster' }>): RedisOptions {
  if (address.kind === 'single') return { ...address.servers[0], db: address.db }
  const { username, password } = address.sentinelLogin
  return {
    sentinels: address.servers,
    name: address.name,
    db: address.db,
    sentinelRetryStrategy: retryStrategy,
    ...(username === undefined ? {} : { sentinelUsername: username }),
    ...(password === undefined ? {} : { sentinelPassword: password }),
    ...(address.tls ? { enableTLSForSentinelMode: true, sentinelTLS: tlsOf(address) } : {}),
  }
}

/** A certificate names hosts: with TLS they must not be replaced by their addresses. */
function byName({ tls }: RedisAddress) {
  if (!tls) return {}
  const dnsLookup = (host: string, callback: (error: null, address: string) => void) => callback(null, host)
  return { dnsLookup }
}

/** How long a start waits for a Redis that may be unreachable. */
const lookMs = 3000

/**
 * The URL by which to use a Redis: a single URL of a Cluster's node becomes that of the Cluster, because the node alone
 * answers MOVED for most keys. Unchanged where Redis can't be asked just now.
 * @throws ConfigError where the URL names a database that a Cluster does not have
 */
export async function resolveRedisUrl(url: string | undefined): Promise<string | undefined> {
  if (url === undefined || parseRedisUrl(url).kind !== 'single') return url
  const redis = connectRedis(url, { maxRetriesPerRequest: null })
  redis.on('error', () => undefined)
  try {
    const info = await within(lookMs, redis.info('cluster'), 'Redis')
    return isClusterNode(info) ? clusterUrl(url) : url
  } catch (error) {
    if (error instanceof ConfigError) throw error
    return url
  } finally {
    redis.disconnect()
  }
}

/** @throws ConfigError for the URL of a database that no Cluster has */
function clusterUrl(url: string): string {
  const changed = url.replace(/^(rediss?):/, '$1+cluster:')
  try {
    parseRedisUrl(changed)
  } catch (error) {
    throw new ConfigError([`REDIS_URL: ${error instanceof Error ? error.message : 'malformed'}`])
  }
  return changed
}

const isClusterNode = (info: string) => /^cluster_enabled:1/m.test(info)
