import { Redis } from 'ioredis'
import { Client } from 'pg'
import { expect, inject, test } from 'vitest'
import { createTestDatabase } from '../../helpers/servers/postgres-server.ts'

test('test databases are migrated, separate, and can be created concurrently', async () => {
  const databases = await Promise.all(Array.from({ length: 6 }, () => createTestDatabase()))
  try {
    expect(new Set(databases.map(({ url }) => url)).size).toBe(6)
    for (const { url } of databases) {
      const client = new Client({ connectionString: url })
      await client.connect()
      const { rows } = await client.query(
        `select to_regclass('jobs') is not null as ours, to_regnamespace('bullmq') is not null as queue`,
      )
      await client.end()
      expect(rows).toEqual([{ ours: true, queue: true }])
    }
  } finally {
    for (const database of databases) await database.drop()
  }
})

test.skipIf(inject('redisUrl') === undefined)('the test Redis answers', async () => {
  const client = new Redis(inject('redisUrl') ?? '')
  expect(await client.ping()).toBe('PONG')
  client.disconnect()
})
