import { readdirSync } from 'node:fs'
import type { Knex } from 'knex'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { statuses, transitions } from '../src/deployments/model/states.ts'
import { createDb, isMigrated, migrateUp } from '../src/platform/postgres/db.ts'
import { migrateQueues } from '../src/platform/queues/index.ts'
import {
  administer,
  createTestDatabase,
  databaseUrl,
  type TestDatabase,
} from './helpers/servers/postgres-server.ts'

const folder = new URL('../migrations/', import.meta.url)
const names = readdirSync(folder).toSorted()

interface Migration {
  up(knex: Knex): Promise<void>
  down(knex: Knex): Promise<void>
}
const load = (name: string): Promise<Migration> => import(new URL(name, folder).href)

/** Every column, index, constraint, function and trigger of ours, and the transitions that the database allows, as text. */
async function schemaOf(db: Knex): Promise<string[]> {
  const { rows } = await db.raw(`
    select format('%s.%s %s %s %s', table_name, column_name, data_type, is_nullable, column_default) as line
      from information_schema.columns where table_schema = 'public'
    union all select indexdef from pg_indexes where schemaname = 'public'
    union all select format('%s: %s', conrelid::regclass, pg_get_constraintdef(oid)) from pg_constraint
      where connamespace = 'public'::regnamespace
    union all select pg_get_functiondef(oid) from pg_proc where pronamespace = 'public'::regnamespace
    union all select pg_get_triggerdef(oid) from pg_trigger where not tgisinternal
    union all select format('%s %s', relname, reloptions) from pg_class
      where relnamespace = 'public'::regnamespace and relkind in ('r', 'S')
    order by 1`)
  const lines = rows.map((row: { line: string }) => row.line)
  return [...lines, ...(await transitionsOf(db))]
}

async function transitionsOf(db: Knex): Promise<string[]> {
  if (!(await db.schema.hasTable('deployment_transitions'))) return []
  const rows = await db('deployment_transitions').orderBy(['from_status', 'to_status'])
  return rows.map(({ from_status, to_status }) => `${from_status} -> ${to_status}`)
}

describe('migrations', () => {
  const name = `${inject('testServer').prefix}_migrations`
  const url = databaseUrl(inject('testServer').url, name)
  let db: Knex
  beforeAll(async () => {
    await administer(inject('testServer').url, `create database ${name}`)
    db = createDb({ url, name: 'test', max: 2 })
  })
  afterAll(async () => {
    await db?.destroy()
    await administer(inject('testServer').url, `drop database if exists ${name} with (force)`)
  })

  it('have a time each, and one meaning', () => {
    expect(names.length).toBeGreaterThan(0)
    for (const each of names) expect(each).toMatch(/^\d{14}_[a-z_]+\.ts$/)
    const times = names.map((each) => each.slice(0, 14))
    expect(new Set(times).size).toBe(times.length)
  })

  it('can each be undone and done again, and leave the same schema', async () => {
    expect(await schemaOf(db)).toEqual([])
    for (const each of names) {
      const { up, down } = await load(each)
      const before = await schemaOf(db)
      await up(db)
      const after = await schemaOf(db)
      expect(after, `${each} does something`).not.toEqual(before)
      await down(db)
      expect(await schemaOf(db), `${each} is undone`).toEqual(before)
      await up(db)
      expect(await schemaOf(db), `${each} is done again`).toEqual(after)
    }
    for (const each of names.toReversed()) await (await load(each)).down(db)
    expect(await schemaOf(db)).toEqual([])
  })

  it('run at once by several processes, and a second time without effect', async () => {
    expect(await isMigrated(db)).toBe(false)
    await Promise.all([migrateUp(url), migrateUp(url), migrateUp(url)])
    expect(await isMigrated(db)).toBe(true)
    const schema = await schemaOf(db)
    await migrateUp(url)
    expect(await schemaOf(db)).toEqual(schema)
    expect(await db('schema_migrations')).toHaveLength(names.length)
  })

  it('of the queue library run beside ours, also at once and again', async () => {
    await Promise.all([migrateQueues(url), migrateQueues(url)])
    await migrateQueues(url)
    const tables = await db('pg_tables').where({ schemaname: 'bullmq' })
    expect(tables.length).toBeGreaterThan(3)
  })
})

describe('collectors by client', () => {
  let database: TestDatabase
  let db: Knex
  beforeAll(async () => {
    database = await createTestDatabase()
    db = createDb({ url: database.url, name: 'test', max: 1 })
  })
  afterAll(async () => {
    await db?.destroy()
    await database?.drop()
  })

  it('keep what they have acknowledged on the way up; on the way down the one that was heard last stays', async () => {
    const { up, down } = await load('20261127040102_tracker_collectors_by_client.ts')
    const id = '00000000-0000-4000-8000-000000000001'
    const row = (client_name: string, sequence: number, pushed_at: string) => ({
      ...{ collector_id: id, client_name, env_name: 'prod', run_id: id, sequence, pushed_at },
    })
    const kept = async () =>
      (await db('tracker_collectors').orderBy('client_name')).map((each) => [
        each.client_name,
        Number(each.sequence),
      ])
    await down(db)
    await db('tracker_collectors').insert(row('acme', 5, '2026-01-02'))
    await up(db)
    expect(await kept()).toEqual([['acme', 5]])
    await db('tracker_collectors').insert(row('other', 7, '2026-01-01'))
    await down(db)
    expect(await kept()).toEqual([['acme', 5]])
    await up(db)
  })
})

describe('the states of deployments', () => {
  let database: TestDatabase
  let db: Knex
  beforeAll(async () => {
    database = await createTestDatabase()
    db = createDb({ url: database.url, name: 'test', max: 2 })
    await db('plans').insert({
      id: plan,
      app: 'app',
      environment: 'staging',
      digest: 'x',
      config: '{}',
      modules: '[]',
      secrets: '{}',
      created_by: 'somebody',
      expires_at: new Date(),
    })
  })
  afterAll(async () => {
    await db?.destroy()
    await database?.drop()
  })
  const plan = '00000000-0000-4000-8000-000000000001'

  it('have the same ways between them in the code and in the database', async () => {
    const rows = await db('deployment_transitions').select()
    const ofDatabase = rows.map((row) => `${row.from_status} -> ${row.to_status}`)
    const ofCode = statuses.flatMap((from) => transitions[from].map((to) => `${from} -> ${to}`))
    expect(ofDatabase.toSorted()).toEqual(ofCode.toSorted())
  })

  it('are changed in no other way', async () => {
    for (const from of statuses) {
      for (const to of statuses) {
        await db('deployments').delete()
        const row = { id: plan, app: 'app', environment: 'staging', options: '{}', started_by: 'somebody' }
        await db('deployments').insert({ ...row, status: from })
        const change = db('deployments').update({ status: to })
        if (from === to || transitions[from].includes(to)) await change
        else await expect(change, `${from} -> ${to}`).rejects.toMatchObject({ code: '23514' })
      }
    }
  })
})
