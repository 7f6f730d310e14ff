import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runMigrations } from 'bullmq'
import { Client } from 'pg'
import type { ProvidedContext } from 'vitest'
import type { TestProject } from 'vitest/node'
import { startEmbeddedPostgres } from '../src/embedded/postgres/index.ts'
import { migrateUp } from '../src/platform/postgres/db.ts'
import { startRunFolder } from './helpers/run-folder.ts'
import { administer, databaseUrl } from './helpers/servers/postgres-server.ts'
import { startRedis } from './helpers/servers/redis-server.ts'

interface Server {
  url: string
  stop(): Promise<void>
}

interface Servers {
  provided: { testServer: ProvidedContext['testServer']; redisUrl: string | undefined }
  stop(): Promise<void>
}

/** What the projects of one run share. */
interface Run {
  users: number
  end(): Promise<void>
  servers?: Servers
}

declare global {
  // Each project loads this file for itself.
  var capstanTestRun: Run | undefined
}

/** A folder for the files of the run and, unless only unit tests run, one PostgreSQL and one Redis for all projects. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  globalThis.capstanTestRun ??= { users: 0, end: startRunFolder() }
  const run = globalThis.capstanTestRun
  run.users += 1
  if (project.name !== 'unit') {
    run.servers ??= await startServers()
    project.provide('testServer', run.servers.provided.testServer)
    project.provide('redisUrl', run.servers.provided.redisUrl)
  }
  return async () => {
    run.users -= 1
    if (run.users > 0) return
    globalThis.capstanTestRun = undefined
    await run.servers?.stop()
    await run.end()
  }
}

/** One PostgreSQL with a migrated template, and one Redis where it can be had. */
async function startServers(): Promise<Servers> {
  const [postgres, redis] = await Promise.all([startPostgres(), startRedis()])
  const prefix = `capstan_test_${randomBytes(4).toString('hex')}`
  const template = `${prefix}_template`
  await makeTemplate(postgres.url, template)
  return {
    provided: {
      testServer: { url: postgres.url, template, prefix },
      redisUrl: 'url' in redis ? redis.url : undefined,
    },
    async stop() {
      if ('stop' in redis) await redis.stop()
      await dropAll(postgres.url, prefix)
      await postgres.stop()
      if ('missing' in redis)
        console.log(`\nSKIPPED: everything that runs on Redis. Reason: ${redis.missing}`)
    },
  }
}

/** Ours, or an existing one (TEST_DATABASE_URL), for which the user needs the right to create databases. */
async function startPostgres(): Promise<Server> {
  const existing = process.env.TEST_DATABASE_URL
  if (existing !== undefined) return { url: existing, stop: async () => undefined }
  const dataDir = mkdtempSync(join(tmpdir(), 'capstan-test-postgres-'))
  const log = { info: () => undefined, warn: console.warn, error: console.error }
  // A power cut may cost this database: it lives for one run.
  const settings = {
    fsync: 'off',
    full_page_writes: 'off',
    synchronous_commit: 'off',
    max_connections: '200',
  }
  const server = await startEmbeddedPostgres({ dataDir, log, settings })
  return {
    url: databaseUrl(server.url, 'postgres'),
    async stop() {
      await server.stop()
      rmSync(dataDir, { recursive: true, force: true })
    },
  }
}

async function makeTemplate(serverUrl: string, template: string): Promise<void> {
  await administer(serverUrl, `create database ${template}`)
  const url = databaseUrl(serverUrl, template)
  await migrateUp(url)
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    await runMigrations(client)
  } finally {
    await client.end()
  }
  // A database that somebody is connected to can't be cloned.
  await administer(serverUrl, `alter database ${template} allow_connections false`)
}

async function dropAll(serverUrl: string, prefix: string): Promise<void> {
  const client = new Client({ connectionString: serverUrl })
  await client.connect()
  try {
    const { rows } = await client.query<{ datname: string }>(
      'select datname from pg_database where starts_with(datname, $1)',
      [prefix],
    )
    for (const { datname } of rows) await client.query(`drop database if exists ${datname} with (force)`)
  } finally {
    await client.end()
  }
}
