import { Cluster, Redis, type RedisOptions } from 'ioredis'

/** Several comma-separated URLs are the nodes of a Cluster. */
export function connectRedis(redisUrl: string, options: RedisOptions): Redis | Cluster {
  const nodes = redisUrl.split(',')
  const retryStrategy = (times: number) => Math.min(times * 100, 2000)
  if (nodes.length === 1) return new Redis(redisUrl, { ...options, retryStrategy, connectTimeout: 5000 })
  const { enableOfflineQueue = true, ...redisOptions } = options
  return new Cluster(nodes, { enableOfflineQueue, redisOptions, clusterRetryStrategy: retryStrategy })
}
