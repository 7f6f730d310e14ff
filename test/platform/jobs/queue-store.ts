import { Redis } from 'ioredis'
import { inject } from 'vitest'
import type { DeliveryQueue, Queues } from '../../../src/platform/queues/index.ts'
import type { TestContext } from '../../helpers/context.ts'
import { until } from '../../helpers/until.ts'

/** The queue store forgets everything of this installation, as after a FLUSHALL or a lost disk. */
export async function emptyQueueStore(ctx: TestContext): Promise<void> {
  if (ctx.queues.backend === 'redis') await deleteKeys((await ctx.db('installation').first()).id)
  else await truncateTables(ctx)
}

async function deleteKeys(installation: string): Promise<void> {
  const redis = new Redis(inject('redisUrl') ?? '')
  try {
    const keys = await redis.keys(`{capstan-${installation}-*`)
    if (keys.length > 0) await redis.del(...keys)
  } finally {
    redis.disconnect()
  }
}

async function truncateTables(ctx: TestContext): Promise<void> {
  const { rows } = await ctx.db.raw(
    "select format('bullmq.%I', tablename) as name from pg_tables where schemaname = 'bullmq' and tablename !~ 'migration'",
  )
  const names = rows.map((row: { name: string }) => row.name).join(', ')
  // Workers are at it: a deadlock with one of them is resolved against us now and then.
  await until(() => ctx.db.raw(`truncate ${names}`).then(() => true))
}

/** The context's queue store, which can be told to be away, known to be or not. */
export function withOutages(queues: Queues) {
  let state: 'up' | 'away' | 'refusing' | 'silent' = 'up'
  let silence = Promise.withResolvers<never>()
  const answer = <T>(work: () => Promise<T>): Promise<T> => {
    if (state === 'up') return work()
    return state === 'silent' ? silence.promise : Promise.reject(new Error('refused'))
  }
  const faulty = (queue: DeliveryQueue): DeliveryQueue =>
    new Proxy(queue, {
      get(target, key) {
        const value = Reflect.get(target, key)
        if (typeof value !== 'function') return value
        return (...args: unknown[]) => answer(async () => value.apply(target, args))
      },
    })
  return {
    set(to: typeof state) {
      state = to
      // Whoever waited in silence learns that nothing will come.
      silence.promise.catch(() => undefined)
      silence.reject(new Error('no answer'))
      silence = Promise.withResolvers()
    },
    queues: {
      ...queues,
      get: (name: string) => faulty(queues.get(name)),
      ping: () => answer(() => queues.ping()),
      available: () => state !== 'away' && queues.available(),
    } satisfies Queues,
  }
}
