import { randomBytes } from 'node:crypto'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from 'pg'
import type { ProvidedContext } from 'vitest'
import type { TestProject } from 'vitest/node'
import { buildBundle } from '../bin/build-bundle.js'
import { replaceProcess } from '../src/platform/process/process-end.ts'
import {
  copyInstallation,
  migrateAll,
  prepareInstallation,
  startTemporaryPostgres,
} from './helpers/prepared-installation.ts'
import { startRunFolder } from './helpers/run-folder.ts'
import { administer, databaseUrl } from './helpers/servers/postgres-server.ts'
import { startRedis } from './helpers/servers/redis-server.ts'
import { endsWithin } from './helpers/until.ts'

interface Server {
  url: string
  stop(): Promise<void>
}

interface Servers {
  provided: Pick<ProvidedContext, 'testServer' | 'redisUrl' | 'preparedInstallation'>
  stop(): Promise<void>
}

/** What the projects of one run share. */
interface Run {
  users: number
  end(inOrder: boolean): Promise<void>
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
    // `npm ci` has built it, but the sources may have changed since.
    if (project.name === 'e2e') await buildBundle()
    project.provide('testServer', run.servers.provided.testServer)
    project.provide('redisUrl', run.servers.provided.redisUrl)
    project.provide('preparedInstallation', run.servers.provided.preparedInstallation)
  }
  return async () => {
    run.users -= 1
    if (run.users > 0) return
    globalThis.capstanTestRun = undefined
    await tearDown(run)
  }
}

/** Never waits for ever, so that a run ends although a server does not; the sweeper then ends what is left. */
async function tearDown({ servers, end }: Run): Promise<void> {
  // The end of Node itself can hang, see decision record 41. Listeners run in the order in which they were added.
  process.once('exit', (code) => replaceProcess(code))
  const inOrder = await endsWithin(20_000, servers?.stop()).catch((error: unknown) => {
    console.error(error)
    return false
  })
  if (!inOrder) console.error('The servers of the tests did not stop in order; they are killed.')
  if (!(await endsWithin(6000, end(inOrder))))
    console.error('The folder of the tests was not removed in time.')
}

/** One PostgreSQL with a migrated template, and one Redis where it can be had. */
async function startServers(): Promise<Servers> {
  const [prepared, redis] = await Promise.all([prepareInstallation(), startRedis()])
  const prefix = `capstan_test_${randomBytes(4).toString('hex')}`
  const template = `${prefix}_template`
  const postgres = await startPostgres(prepared, { prefix, template })
  return {
    provided: {
      testServer: { url: postgres.url, template, prefix },
      redisUrl: 'url' in redis ? redis.url : undefined,
      preparedInstallation: prepared,
    },
    async stop() {
      if ('missing' in redis)
        console.log(`\nSKIPPED: everything that runs on Redis. Reason: ${redis.missing}`)
      await Promise.all(['stop' in redis ? redis.stop() : undefined, postgres.stop()])
    },
  }
}

/** Ours, or an existing one (TEST_DATABASE_URL), for which the user needs the right to create databases. */
async function startPostgres(
  prepared: string,
  { prefix, template }: { prefix: string; template: string },
): Promise<Server> {
  const existing = process.env.TEST_DATABASE_URL
  if (existing !== undefined) {
    await administer(existing, `create database ${template}`)
    await migrateAll(databaseUrl(existing, template))
    await close(existing, template)
    return { url: existing, stop: () => dropAll(existing, prefix) }
  }
  const dataDir = mkdtempSync(join(tmpdir(), 'capstan-test-postgres-'))
  await copyInstallation(prepared, dataDir)
  const server = await startTemporaryPostgres(dataDir, { max_connections: '200' })
  const url = databaseUrl(server.url, 'postgres')
  await administer(url, `create database ${template} template capstan`)
  await close(url, template)
  // The folder of the run is removed with all databases.
  return { url, stop: () => server.stop() }
}

/** A database that somebody is connected to can't be cloned. */
const close = (serverUrl: string, template: string) =>
  administer(serverUrl, `alter database ${template} allow_connections false`)

async function dropAll(serverUrl: string, prefix: string): Promise<void> {
  const client = new Client({ connectionString: serverUrl, connectionTimeoutMillis: 5000 })
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
