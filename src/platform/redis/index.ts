export { ignoredRedisOptions, redisUrl } from './address.ts'
export { connectForBlocking, connectRedis, resolveRedisUrl } from './connect.ts'
