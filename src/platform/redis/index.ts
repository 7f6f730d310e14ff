export { connectForBlocking, connectRedis, resolveRedisUrl } from './connect.ts'
