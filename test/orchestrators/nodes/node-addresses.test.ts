import type { Knex } from 'knex'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { down, up } from '../../../migrations/20261130070000_node_addresses_in_one_spelling.ts'
import { fromJson } from '../../../src/orchestrators/import/sources.ts'
import { importNodes } from '../../../src/orchestrators/import/upsert.ts'
import { createDb } from '../../../src/platform/postgres/db.ts'
import { createTestDatabase, type TestDatabase } from '../../helpers/servers/postgres-server.ts'
import { startWorld, type World } from '../harness.ts'

const spellingsOfV4 = ['::ffff:127.0.0.1', '::FFFF:127.0.0.1', '::ffff:7f00:1', '0:0:0:0:0:ffff:7f00:0001']
const spellingsOfV6 = ['2001:db8::1', '2001:DB8::1', '2001:0db8:0:0:0:0:0:1', '2001:db8:0::0.0.0.1']

describe('the spelling of a node address', () => {
  let world: World
  beforeAll(async () => {
    world = await startWorld({ nodes: 1 })
    await world.cycle()
  })
  afterAll(() => world?.stop())

  const post = (json: object) => world.call('/orchestrators', { json })

  it.each(spellingsOfV4)('makes no second node of %s', async (ip_address) => {
    const again = await post({ name: 'Again', ip_address, rpc_port: world.node(0).port })
    expect(again).toMatchObject({
      status: 409,
      json: { error: { code: 'STATE_001', details: { field: 'ip_address' } } },
    })
  })

  it.each(spellingsOfV6)('of IPv6 as %s is stored as one', async (ip_address) => {
    const made = await post({ name: 'Six', ip_address })
    expect(made).toMatchObject({ status: 200, json: { ip_address: '2001:db8::1' } })
    await world.ctx.db('orchestrator_nodes').where({ id: made.json.id }).delete()
  })

  it('in a change that names the present address changes nothing', async () => {
    const before = await world.ctx.db('orchestrator_nodes').where({ id: 1 }).first()
    const changed = await world.call('/orchestrators/1', {
      method: 'PATCH',
      json: { ip_address: '::ffff:7f00:1' },
    })
    expect(changed).toMatchObject({ status: 200, json: { ip_address: '127.0.0.1' } })
    expect(await world.ctx.db('orchestrator_nodes').where({ id: 1 }).first()).toEqual(before)
  })

  it('never makes an import count a node twice', async () => {
    const rpc_port = world.node(0).port
    const text = JSON.stringify([
      { name: 'Node-01', ip: '::ffff:127.0.0.1', rpc_port },
      { name: 'Double', ip: '::FFFF:7F00:1', rpc_port },
    ])
    const report = await importNodes(world.ctx.db, fromJson(text), { defaultPort: 1, dryRun: false })
    expect(report.unchanged).toEqual(['Node-01'])
    expect(report.rejected.map((each) => each.name)).toEqual(['Double'])
  })

  it('written by any other program is refused by the database itself', async () => {
    const row = { name: 'By hand', ip_address: '::ffff:127.0.0.1', rpc_port: world.node(0).port }
    await expect(world.ctx.db('orchestrator_nodes').insert(row)).rejects.toMatchObject({ code: '23505' })
    await world.cycle()
    const { json } = await world.call('/orchestrators/status')
    expect(json).toMatchObject({ online_count: 1, total_count: 1, bridge_status: 'offline' })
  })

  it.each([
    '127.0.0.01',
    '127.1',
    '2130706433',
    '0x7f.0.0.1',
    '[::1]',
    '127.0.0.1.',
    ' 127.0.0.1',
    '::127.0.0.1',
  ])('may not be %s', async (ip_address) => {
    expect(await post({ name: 'Odd', ip_address })).toMatchObject({
      status: 422,
      json: { error: { details: { fields: [{ path: 'ip_address' }] } } },
    })
  })
})

describe('the migration of nodes that were entered twice', () => {
  let database: TestDatabase
  let db: Knex
  beforeAll(async () => {
    database = await createTestDatabase()
    db = createDb({ url: database.url, name: 'test', max: 1 })
    await down(db)
  })
  afterAll(async () => {
    await db?.destroy()
    await database?.drop()
  })

  it('leaves one switched on, the one that is online, and keeps the history of all', async () => {
    const nodes = [
      { id: 1, name: 'older', ip_address: '10.0.0.1' },
      { id: 2, name: 'online', ip_address: '::ffff:10.0.0.1' },
      { id: 3, name: 'other port', ip_address: '::ffff:10.0.0.1', rpc_port: 2 },
      { id: 4, name: 'first', ip_address: '::ffff:10.0.0.2' },
      { id: 5, name: 'second', ip_address: '10.0.0.2' },
      { id: 6, name: 'switched off', ip_address: '::ffff:10.0.0.2', is_active: false },
      { id: 7, name: 'six', ip_address: '2001:db8::1' },
    ]
    for (const node of nodes) await db('orchestrator_nodes').insert({ rpc_port: 1, is_active: true, ...node })
    const at = new Date()
    await db.raw('select orchestrator_samples_partition(?)', [at])
    for (const { id: node_id } of nodes) {
      await db('orchestrator_states').insert({ node_id, confirmed: node_id === 2 })
      await db('orchestrator_samples').insert({ at, cycle_id: 1, node_id, seconds: 60, verdict: 'g' })
    }
    await up(db)
    const rows = await db('orchestrator_nodes')
      .orderBy('id')
      .select('name', 'is_active', db.raw('host(ip_address) as address'))
    expect(rows.map((row) => [row.name, row.address, row.is_active])).toEqual([
      ['older', '10.0.0.1', false],
      ['online', '10.0.0.1', true],
      ['other port', '10.0.0.1', true],
      ['first', '10.0.0.2', true],
      ['second', '10.0.0.2', false],
      ['switched off', '10.0.0.2', false],
      ['six', '2001:db8::1', true],
    ])
    expect(await db('orchestrator_samples')).toHaveLength(nodes.length)
    expect((await db('orchestrator_states').orderBy('node_id')).map((row) => row.node_id)).toEqual([
      ...[2, 3, 4, 6, 7],
    ])
  })
})
