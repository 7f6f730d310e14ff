import { Cluster, Redis, type RedisOptions } from 'ioredis'
import { within } from '../deadline.ts'
import { ConfigError } from '../errors.ts'
import { parseRedisUrl, type RedisAddress } from './address.ts'

/**
 * Limits on every wait. `socketTimeout` limits the wait for an answer to a command; when it is exceeded, the connection
 * is closed and the library opens a new one.
 */
const limits = {
  connectTimeout: 5000,
  socketTimeout: 5000,
  keepAlive: 10_000,
  sentinelCommandTimeout: 3000,
} as const

/** Milliseconds. Longer than the queue library's blocking commands, which wait for work for up to ten seconds. */
const blockingSocketTimeout = 12_000

const retryStrategy = (times: number) => Math.min(times * 200, 2000)

/**
 * A master that became a replica refuses writes but keeps its connections open. Reconnecting reaches the new master if
 * the address or the Sentinels point to it; 2 makes the library reconnect and send the command again.
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
    return new Cluster(address.servers, {
      ...cluster,
      slotsRefreshInterval: 5000,
      ...hostNameLookup(address),
    })
  }
  return new Redis({ ...common, enableOfflineQueue, retryStrategy, ...targetOptions(address) })
}

/**
 * Opens the connection of a queue worker. The queue library waits for work on a copy of it, in blocking commands that
 * need a longer timeout than all others. A Cluster's copy has the options of the original, so both get that timeout.
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

function targetOptions(address: Exclude<RedisAddress, { kind: 'cluster' }>): RedisOptions {
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

/** Keeps host names with TLS: certificates are checked against them, so they must not be replaced by IP addresses. */
function hostNameLookup({ tls }: RedisAddress) {
  if (!tls) return {}
  const dnsLookup = (host: string, callback: (error: null, address: string) => void) => callback(null, host)
  return { dnsLookup }
}

/** Milliseconds that a start waits for an answer of Redis, which may be unreachable. */
const infoTimeoutMs = 3000

/**
 * Returns the URL to connect with: the URL of a single Cluster node is changed to that of its Cluster, because one node
 * answers MOVED for most keys. Returns the URL unchanged if Redis is unreachable.
 * @throws ConfigError if the URL selects a database other than 0, which a Cluster does not have
 */
export async function resolveRedisUrl(url: string | undefined): Promise<string | undefined> {
  if (url === undefined || parseRedisUrl(url).kind !== 'single') return url
  const redis = connectRedis(url, { maxRetriesPerRequest: null })
  redis.on('error', () => undefined)
  try {
    const info = await within(infoTimeoutMs, redis.info('cluster'), 'Redis')
    return isClusterNode(info) ? clusterUrl(url) : url
  } catch (error) {
    if (error instanceof ConfigError) throw error
    return url
  } finally {
    redis.disconnect()
  }
}

/** @throws ConfigError if the URL selects a database other than 0 */
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
