import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { freePorts } from '../../helpers/stack.ts'

/** A Redis for a single stack, without data on disk: tests may empty and stop it. */
export interface OwnRedis {
  url: string
  start(): Promise<void>
  /** Sends SIGKILL, so that all data is lost. */
  stop(): Promise<void>
  flush(): Promise<void>
  /** All keys and their values, as text. */
  dump(): Promise<string>
  dispose(): Promise<void>
}

/** Starts `redis-server` from PATH; the global setup checks that it exists, see `redisUrl`. */
export async function startOwnRedis(): Promise<OwnRedis> {
  const folder = mkdtempSync(join(tmpdir(), 'capstan-e2e-redis-'))
  const [port] = await freePorts()
  const url = `redis://127.0.0.1:${port}`
  let child: ChildProcess | undefined

  async function ask<T>(work: (redis: Redis) => Promise<T>): Promise<T> {
    const redis = new Redis(url, { retryStrategy: () => 20, maxRetriesPerRequest: 500 })
    redis.on('error', () => undefined)
    try {
      return await work(redis)
    } finally {
      redis.disconnect()
    }
  }

  async function start(): Promise<void> {
    const args = [
      '--port',
      `${port}`,
      '--bind',
      '127.0.0.1',
      '--dir',
      folder,
      '--save',
      '',
      '--appendonly',
      'no',
    ]
    child = spawn('redis-server', args, { stdio: 'ignore' })
    await ask((redis) => redis.ping())
  }

  async function stop(): Promise<void> {
    if (child === undefined) return
    const exited = once(child, 'exit')
    child.kill('SIGKILL')
    await exited
    child = undefined
  }

  await start()
  return {
    url,
    start,
    stop,
    flush: () => ask(async (redis) => void (await redis.flushall())),
    dump: () => ask(dumpOf),
    async dispose() {
      await stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

async function dumpOf(redis: Redis): Promise<string> {
  const texts: string[] = []
  for (const key of await redis.keys('*')) texts.push(key, JSON.stringify(await contentOf(redis, key)))
  return texts.join('\n')
}

async function contentOf(redis: Redis, key: string): Promise<unknown> {
  switch (await redis.type(key)) {
    case 'string':
      return redis.get(key)
    case 'hash':
      return redis.hgetall(key)
    case 'list':
      return redis.lrange(key, 0, -1)
    case 'set':
      return redis.smembers(key)
    case 'zset':
      return redis.zrange(key, 0, -1, 'WITHSCORES')
    case 'stream':
      return redis.xrange(key, '-', '+')
    default:
      return undefined
  }
}
