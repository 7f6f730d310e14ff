import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createStatusCache } from '../../../src/orchestrators/status/status-cache.ts'
import { silent } from '../../helpers/context.ts'
import { until } from '../../helpers/until.ts'
import { startWorld, type World } from '../harness.ts'

describe('nodes over the API', () => {
  let world: World
  beforeAll(async () => {
    world = await startWorld({ nodes: 2 })
    await world.cycle()
  })
  afterAll(() => world?.stop())

  const post = (json: unknown, path = '/orchestrators') => world.call(path, { json })
  const patch = (id: number, json: unknown) => world.call(`/orchestrators/${id}`, { method: 'PATCH', json })

  it('are made, shown, changed and switched off', async () => {
    const made = await post({ name: 'Zeno', ip_address: '2001:DB8::1', pubkey: 'a2V5' })
    expect(made).toMatchObject({
      status: 200,
      json: { name: 'Zeno', ip_address: '2001:db8::1', pubkey: 'a2V5', rpc_port: 55_000, is_active: true },
    })
    const { id } = made.json
    expect((await world.call(`/orchestrators/${id}`)).json).toEqual(made.json)
    expect((await patch(id, { rpc_port: 55_001, pubkey: null })).json).toEqual({
      ...made.json,
      rpc_port: 55_001,
      pubkey: null,
    })
    expect((await world.call('/orchestrators')).json).toMatchObject({
      total: 3,
      nodes: [{ name: 'Node-01' }, { name: 'Node-02' }, { name: 'Zeno' }],
    })
    expect((await world.call(`/orchestrators/${id}`, { method: 'DELETE' })).json).toEqual({
      status: 'success',
      message: 'Node deactivated',
    })
    expect((await world.call('/orchestrators')).json.total).toBe(2)
    expect((await world.call('/orchestrators?active_only=false')).json.total).toBe(3)
    expect((await world.call(`/orchestrators/${id}`)).json.is_active).toBe(false)
  })

  it.each(['169.254.169.254', '::ffff:169.254.169.254', '0.0.0.0', 'fe80::1', '224.0.0.1'])(
    'are not at %s',
    async (ip_address) => {
      const { status, json, text } = await post({ name: 'Elsewhere', ip_address })
      expect(status).toBe(422)
      expect(json.error.details.fields).toEqual([
        {
          path: 'ip_address',
          problem: 'link-local, unspecified, multicast and reserved addresses are not allowed',
        },
      ])
      expect(text).not.toContain(ip_address)
    },
  )

  it('are unique by name, and by address while they are active', async () => {
    const first = (await post({ name: 'One', ip_address: '192.0.2.1' })).json
    expect(await post({ name: 'One', ip_address: '192.0.2.2' })).toMatchObject({
      status: 409,
      json: { error: { code: 'STATE_001', details: { field: 'name' } } },
    })
    expect(await post({ name: 'Two', ip_address: '192.0.2.1' })).toMatchObject({
      status: 409,
      json: { error: { code: 'STATE_001', details: { field: 'ip_address' } } },
    })
    await world.call(`/orchestrators/${first.id}`, { method: 'DELETE' })
    const second = await post({ name: 'Two', ip_address: '192.0.2.1' })
    expect(second.status).toBe(200)
    expect((await patch(first.id, { is_active: true })).status).toBe(409)
    expect((await patch(second.json.id, { name: 'One' })).status).toBe(409)
    await world.call(`/orchestrators/${second.json.id}`, { method: 'DELETE' })
  })

  it('are made once for one Idempotency-Key', async () => {
    const call = () =>
      world.call('/orchestrators', {
        json: { name: 'Once', ip_address: '192.0.2.77' },
        headers: { 'idempotency-key': 'once' },
      })
    const [first, second] = [await call(), await call()]
    expect(second.json).toEqual(first.json)
    await world.call(`/orchestrators/${first.json.id}`, { method: 'DELETE' })
  })

  it.each([
    [{ name: '', ip_address: '192.0.2.1' }, 'name'],
    [{ name: 'x', ip_address: '192.0.2' }, 'ip_address'],
    [{ name: 'x', ip_address: '192.0.2.0/24' }, 'ip_address'],
    [{ name: 'x', ip_address: 'fe80::1%eth0' }, 'ip_address'],
    [{ name: 'x', ip_address: '192.0.2.1', rpc_port: 0 }, 'rpc_port'],
    [{ name: 'x\u0000', ip_address: '192.0.2.1' }, 'name'],
    [{ name: 'x', ip_address: '192.0.2.1', extra: 1 }, 'extra'],
  ])('are refused for %j, by field', async (body, path) => {
    const answer = await post(body)
    expect(answer.status).toBe(422)
    expect(answer.json.error.code).toBe('REQ_002')
    expect(answer.json.error.details.fields.map((each: { path: string }) => each.path)).toContain(path)
  })

  it.each([
    '/orchestrators/x',
    '/orchestrators/0',
    '/orchestrators/9999999999',
    '/orchestrators/1/history?page=0',
    '/orchestrators/1/history?page_size=1001',
    '/orchestrators/1/history?start_time=yesterday',
    '/orchestrators/1/history?cursor=bm8',
    '/orchestrators/1/history?cursor=bm8&page=2',
    '/statistics/bridge?hours=0',
    '/statistics/bridge?hours=8760&interval_minutes=1',
    '/statistics/uptime?hours=8761',
    '/statistics/networks?hours=1.5',
    '/orchestrators?active_only=maybe',
    '/maintenance-windows/1',
  ])('are asked for in vain with 422 by %s', async (path) => {
    const method = path.startsWith('/maintenance') ? 'DELETE' : 'GET'
    const answer = await world.call(path, { method })
    expect(answer).toMatchObject({ status: 422, json: { error: { code: 'REQ_002' } } })
  })

  it('that are not there are 404', async () => {
    for (const path of ['/orchestrators/4711', '/orchestrators/4711/history']) {
      expect(await world.call(path)).toMatchObject({
        status: 404,
        json: { error: { message: 'Orchestrator node not found' } },
      })
    }
  })

  it('that change while they are asked get no sample of what they were', async () => {
    const { json: node } = await post({ name: 'Moving', ip_address: '192.0.2.9' })
    world.node(1).fault = 'slow'
    world.node(1).slowMs = 700
    world.node(1).asked.length = 0
    const running = world.cycle()
    await until(() => world.node(1).asked.length > 0)
    await patch(node.id, { ip_address: '192.0.2.10' })
    await running
    world.node(1).fault = undefined
    expect(await world.sample(node.id)).toBeUndefined()
    expect(await world.sample(1)).toBeDefined()
    await world.call(`/orchestrators/${node.id}`, { method: 'DELETE' })
  })

  it('may be seen by users, and changed by administrators only', async () => {
    const user = await world.api.signIn('a-reader')
    const as = (method: string, path: string, json?: unknown) =>
      world.call(path, { method, token: user, ...(json === undefined ? {} : { json }) })
    for (const path of [
      '/orchestrators',
      '/orchestrators/status',
      '/statistics/uptime',
      '/maintenance-windows',
    ])
      expect((await as('GET', path)).status).toBe(200)
    const refused = [
      await as('POST', '/orchestrators', { name: 'x', ip_address: '192.0.2.1' }),
      await as('PATCH', '/orchestrators/1', { name: 'x' }),
      await as('DELETE', '/orchestrators/1'),
      await as('POST', '/maintenance-windows', {}),
    ]
    expect(refused.map((each) => each.status)).toEqual([403, 403, 403, 403])
    expect((await world.api.call('/api/v1/orchestrators/status')).status).toBe(401)
  })
})

describe('status and history', () => {
  let world: World
  beforeAll(async () => {
    world = await startWorld({ nodes: 2 })
    world.node(1).pillarName = '=1+1,"x"'
    await world.cycle()
  })
  afterAll(() => world?.stop())

  it('answer 304 to who has the current one, and ask nobody', async () => {
    for (const path of ['/orchestrators/status', '/orchestrators/status/summary', '/orchestrators/summary']) {
      const first = await world.call(path)
      const etag = first.headers.get('etag') ?? ''
      const again = await world.call(path, { headers: { 'if-none-match': `W/${etag}` } })
      expect(again).toMatchObject({ status: 304, text: '' })
      expect((await world.call(path, { headers: { 'if-none-match': '"other"' } })).status).toBe(200)
    }
    await world.cycle()
    const { json } = await world.call('/orchestrators/status/summary')
    expect(Object.keys(json)).toEqual([
      ...['timestamp', 'bridge_status', 'online_count', 'total_count', 'min_required', 'signals', 'stale'],
    ])
  })

  it('are read without a query', async () => {
    await world.call('/orchestrators/status')
    const { db, hub, config } = world.ctx
    let queries = 0
    const count = () => (queries += 1)
    const board = createStatusCache({ db, hub, log: silent, config: config.orchestrators, now: Date.now })
    await board.current()
    db.on('query', count)
    for (let n = 0; n < 5; n++) await board.current()
    expect(queries).toBe(0)
    db.off('query', count)
  })

  it('are stale after two intervals without a cycle', async () => {
    const { db, hub, config } = world.ctx
    let now = Date.now()
    const board = createStatusCache({ db, hub, log: silent, config: config.orchestrators, now: () => now })
    expect((await board.current()).data).toMatchObject({ stale: false })
    const { etag } = (await board.current()).status
    now += 121_000
    expect((await board.current()).data).toMatchObject({ stale: true })
    expect((await board.current()).status.etag).not.toBe(etag)
  })

  it('come as CSV that no spreadsheet runs', async () => {
    const answer = await world.call('/orchestrators/2/history?format=csv&page_size=1')
    expect(answer.headers.get('content-type')).toBe('text/csv; charset=utf-8')
    const [header, row] = answer.text.split('\r\n')
    expect(header).toMatch(/^id,timestamp,pillar_name,.*,supernova_unwraps$/)
    expect(row).toContain(`,"'=1+1,""x""",`)
    expect(answer.headers.get('x-next-cursor')).toMatch(/^\w+$/)
  })

  it('tell of heights that stand still and of backlogs that differ', async () => {
    const { ctx } = world
    for (const node of world.nodes) node.networks.Ethereum!.wrapsHash = node.pubkey.slice(0, 8)
    await world.cycle()
    const long = new Date(Date.now() - 600_000)
    await ctx.db('orchestrator_states').update({ momentum_at: long })
    await ctx.db('orchestrator_states').update({
      networks: ctx.db.raw(`jsonb_set(networks, '{bnb,heightAt}', to_jsonb(?::text))`, [long.toISOString()]),
    })
    await ctx
      .db('orchestrator_cycles')
      .update({ diverged: JSON.stringify({ 'eth:wraps': long.toISOString() }) })
    await world.cycle()
    const { json } = await world.call('/orchestrators/status')
    expect(json.signals).toEqual([
      { kind: 'backlog_diverged', network: 'eth', backlog: 'wraps', since: long.toISOString() },
    ])
    expect(json.orchestrators[0].signals).toEqual([
      { kind: 'momentum_stalled', network: null, since: long.toISOString() },
      { kind: 'height_stalled', network: 'bnb', since: long.toISOString() },
    ])
    for (const node of world.nodes) {
      node.momentum += 1
      node.networks['BNB Chain']!.latestUpdateHeight += 1
      node.networks.Ethereum!.wrapsHash = 'same'
    }
    await world.cycle()
    const after = (await world.call('/orchestrators/status')).json
    expect(after.signals).toEqual([])
    expect(after.orchestrators[0].signals).toEqual([])
  })
})

describe('maintenance windows', () => {
  let world: World
  beforeAll(async () => {
    world = await startWorld({ nodes: 1 })
  })
  afterAll(() => world?.stop())

  const window = {
    scope: 'all',
    from: '2026-01-01T00:00:00Z',
    to: '2026-01-01T01:00:00+00:00',
    reason: 'move',
  }

  it('are made, listed page by page, and taken back', async () => {
    const all = await world.call('/maintenance-windows', { json: window })
    expect(all).toMatchObject({
      status: 200,
      json: { scope: 'all', node_ids: null, to: '2026-01-01T01:00:00.000Z', created_by: 'the-admin' },
    })
    const one = await world.call('/maintenance-windows', {
      json: { ...window, scope: 'nodes', node_ids: [1] },
    })
    const first = (await world.call('/maintenance-windows?limit=1')).json
    expect(first.windows.map((each: { id: string }) => each.id)).toEqual([one.json.id])
    const rest = (await world.call(`/maintenance-windows?cursor=${first.next_cursor}`)).json
    expect(rest).toMatchObject({ windows: [{ id: all.json.id }], next_cursor: null })
    const gone = () => world.call(`/maintenance-windows/${one.json.id}`, { method: 'DELETE' })
    expect((await gone()).json).toMatchObject({ status: 'success' })
    expect((await gone()).status).toBe(404)
  })

  it.each([
    [{ ...window, to: window.from }, 'to'],
    [{ ...window, from: '2026-01-01T00:00:00' }, 'from'],
    [{ ...window, node_ids: [1] }, 'node_ids'],
    [{ ...window, scope: 'nodes' }, 'node_ids'],
    [{ ...window, scope: 'nodes', node_ids: [1, 99] }, 'node_ids.1'],
    [{ ...window, reason: '' }, 'reason'],
  ])('are refused for %j', async (json, path) => {
    const answer = await world.call('/maintenance-windows', { json })
    expect(answer.status).toBe(422)
    expect(answer.json.error.details.fields.map((each: { path: string }) => each.path)).toContain(path)
  })
})
