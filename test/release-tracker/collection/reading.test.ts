import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { until } from '../../helpers/until.ts'
import { openReader } from '../../platform/http/sse-reader.ts'
import { secrets, sha, startTracker, type Tracker } from '../harness.ts'

const at = (hour: number) => new Date(Date.UTC(2026, 0, 1, hour)).toISOString()

describe('reading', () => {
  let tracker: Tracker
  beforeAll(async () => {
    tracker = await startTracker({ env: { MODE: 'master' } })
    for (const [namespace, workload, container] of [
      ['b', 'z', 'app'],
      ['b', 'a', 'two'],
      ['b', 'a', 'one'],
      ['a', 'm', 'app'],
      ['a-b', 'm', 'app'],
    ])
      await put(`${namespace}/Deployment/${workload}/${container}`, '1', 1)
  })
  afterAll(() => tracker?.stop())

  async function put(path: string, tag: string, hour: number, place: object = {}) {
    const body = { image_tag: tag, image_sha: sha(tag), released_at: at(hour), ...place }
    const answer = await tracker.put(path, body)
    expect(answer.status, answer.text).toBe(200)
  }
  const current = '/api/releases/current?client_name=acme&env_name=prod'

  it('current returns the documented fields and order', async () => {
    const body = await tracker.get(current)
    expect(body.ordered_namespaces).toEqual(['a', 'a-b', 'b'])
    expect(Object.keys(body.namespaces)).toEqual(['a', 'a-b', 'b'])
    expect(
      body.namespaces.b.map(
        (row: { workload_name: string; container_name: string }) =>
          `${row.workload_name}/${row.container_name}`,
      ),
    ).toEqual(['a/one', 'a/two', 'z/app'])
    expect(body).toMatchObject({ total: 5, next_cursor: null })
    expect(body.namespaces.a[0]).toEqual({
      ...{ namespace: 'a', workload_name: 'm', workload_type: 'Deployment', container_name: 'app' },
      ...{ image_repo: '', image_name: '', image_tag: '1', image_sha: sha('1') },
      ...{ client_name: 'acme', env_name: 'prod', first_seen: at(1), last_seen: at(1) },
      ...{ state: 'current', pods: null, images: [] },
    })
  })

  it('current returns pages and the total of all pages', async () => {
    const names: string[] = []
    let cursor = ''
    do {
      const body = await tracker.get(`${current}&limit=2${cursor}`)
      expect(body.total).toBe(5)
      for (const rows of Object.values<{ workload_name: string; container_name: string }[]>(body.namespaces))
        names.push(...rows.map((row) => `${row.workload_name}/${row.container_name}`))
      cursor = body.next_cursor && `&cursor=${body.next_cursor}`
    } while (cursor)
    expect(names).toEqual(['m/app', 'm/app', 'a/one', 'a/two', 'z/app'])
  })

  it('current returns the same rows whole and in pages, now and at a past moment', async () => {
    const half = new Date(Date.UTC(2026, 0, 1, 3, 4, 5, 60)).toISOString()
    const body = { image_tag: '1', image_sha: sha('1'), released_at: half, env_name: 'odd' }
    for (const path of ['b/Deployment/w/app', 'a/Deployment/w/app', 'b/Deployment/w-1/app'])
      expect((await tracker.put(path, body)).status).toBe(200)
    const odd = '/api/releases/current?client_name=acme&env_name=odd'
    for (const moment of ['', `&at=${at(8)}`]) {
      const [whole, page] = [await tracker.get(odd + moment), await tracker.get(`${odd}${moment}&limit=100`)]
      expect(whole.total, moment).toBe(3)
      expect({ ...whole, timestamp: '' }).toEqual({ ...page, timestamp: '' })
    }
  })

  it('current on a master requires client and environment', async () => {
    for (const token of [secrets.admin, secrets.acme]) {
      const { status, json } = await tracker.call('/api/releases/current?env_name=prod', { token })
      expect(status).toBe(400)
      expect(json.error.details.fields).toEqual([{ path: 'client_name', problem: 'is required' }])
    }
    const bad = await tracker.call(`${current}&at=yesterday&cursor=x&colour=red`)
    expect(bad.json.error.details.fields.map((each: { path: string }) => each.path).toSorted()).toEqual([
      'at',
      'colour',
    ])
    expect((await tracker.call(`${current}&cursor=nonsense`)).status).toBe(400)
  })

  it('history of an unknown component answers 404', async () => {
    const { status, json } = await tracker.history('b/never/app')
    expect([status, json.error.code]).toEqual([404, 'SYS_005'])
  })

  it('compare lists equal and different components, now and at a past moment', async () => {
    const stage = { env_name: 'stage' }
    await put('b/Deployment/z/app', '1', 2, stage)
    await put('b/Deployment/a/one', '2', 2, stage)
    await put('b/Deployment/only-here/app', '1', 2, stage)
    const body = await tracker.get('/api/releases/compare?left=acme/prod&right=acme/stage')
    expect(body.counts).toEqual({ same: 1, different: 1, only_left: 3, only_right: 1 })
    expect(body.different).toMatchObject([
      {
        ...{ namespace: 'b', workload_kind: 'Deployment', workload_name: 'a', container_name: 'one' },
        ...{ left: { image_tag: '1' }, right: { image_tag: '2' }, differs: ['image_tag', 'image_sha'] },
      },
    ])
    expect(body.only_right).toMatchObject([{ left: null, right: { image_tag: '1' } }])
    const before = await tracker.get(`/api/releases/compare?left=acme/prod&right=acme/stage&at=${at(1)}`)
    expect(before.counts).toEqual({ same: 0, different: 0, only_left: 5, only_right: 0 })
    expect((await tracker.call('/api/releases/compare?left=acme&right=a/b/c')).status).toBe(400)
  })

  it('CSV has the same rows, and no cell is a formula', async () => {
    const { csvOf } = await import('../../../src/release-tracker/reading/csv.ts')
    expect(csvOf([{ v: '=1+1' }, { v: 'a,"b"\n' }, { v: null }], { v: (row) => row.v })).toBe(
      'v\r\n\'=1+1\r\n"a,""b""\n"\r\n\r\n',
    )
    const answer = await tracker.call(`${current}&format=csv`)
    expect(answer.headers.get('content-type')).toContain('text/csv')
    const lines = answer.text.trim().split('\r\n')
    expect(lines).toHaveLength(6)
    expect(lines[0]).toBe(
      'client_name,env_name,namespace,workload_type,workload_name,container_name,image_repo,image_name,image_tag,image_sha,first_seen,last_seen,state,pods',
    )
    expect(lines[1]).toBe(`acme,prod,a,Deployment,m,app,,,1,${sha('1')},${at(1)},${at(1)},current,`)
    const history = await tracker.call('/api/releases/history/acme/prod/b/z/app?format=csv')
    expect(history.text).toContain(`Deployment,,,1,${sha('1')},${at(1)},${at(1)},,`)
    const compared = await tracker.call('/api/releases/compare?left=acme/prod&right=acme/stage&format=csv')
    expect(compared.text).toContain(`different,b,Deployment,a,one,1,${sha('1')},2,${sha('2')}`)
  })

  it('events are streamed for each client separately', async () => {
    const headers = { authorization: `Bearer ${secrets.acme}` }
    const reader = await openReader(tracker.api.origin, '/api/releases/events?client=acme', headers)
    reader.listen()
    await put('b/Deployment/z/app', '9', 9)
    await put('b/Deployment/z/app', '9', 9, { client_name: 'other' })
    await until(() => reader.text().includes('"image_tag":"9"'))
    const blocks = reader
      .text()
      .split('\n\n')
      .filter((block) => block.includes('"image_tag":"9"'))
    expect(blocks).toHaveLength(1)
    const [, data = '{}'] = /data: (.*)/.exec(blocks[0] ?? '') ?? []
    expect(blocks[0]).toContain('event: release')
    expect(JSON.parse(data)).toMatchObject({
      ...{
        client_name: 'acme',
        env_name: 'prod',
        namespace: 'b',
        workload_kind: 'Deployment',
        workload_name: 'z',
      },
      ...{ container_name: 'app', image_tag: '9', first_seen: at(9) },
      previous: { image_tag: '1', ended: 'replaced' },
    })
    reader.answer.destroy()
    const last = reader.ids().at(-1)
    const resumed = await openReader(tracker.api.origin, '/api/releases/events', {
      ...headers,
      'last-event-id': String((last ?? 1) - 1),
    })
    resumed.listen()
    await until(() => resumed.ids().length > 0)
    expect(resumed.ids()).toEqual([last])
    resumed.answer.destroy()
    expect((await tracker.call('/api/releases/events', {})).status).toBe(400)
  })

  it('events are deleted after 30 days, and the history is kept', async () => {
    const { db, releaseTracker } = tracker.ctx
    const total = (await tracker.history('b/z/app')).json.total
    await db('events')
      .where({ stream: 'releases:other' })
      .update({ at: new Date(Date.now() - 31 * 86_400_000) })
    expect(await releaseTracker.prune()).toBe(1)
    expect(await releaseTracker.prune()).toBe(0)
    expect((await tracker.history('b/z/app')).json.total).toBe(total)
  })
})

describe('pings', () => {
  let tracker: Tracker
  beforeAll(async () => {
    tracker = await startTracker({ env: { MODE: 'master' } })
  })
  afterAll(() => tracker?.stop())

  const minutes = (count: number) => new Date(Date.now() - count * 60_000)
  const ping = (json: object, token = secrets.admin) => tracker.call('/api/ping', { json, token })
  const statuses = async () => (await tracker.get('/api/clients-environments')).ping_statuses
  async function check() {
    const { checkPingsJob } = await import('../../../src/release-tracker/index.ts')
    const id = await tracker.ctx.db.transaction((trx) =>
      tracker.ctx.enqueue(trx, checkPingsJob, { payload: {} }),
    )
    expect(await tracker.run(id)).toMatchObject({ state: 'completed' })
  }
  const told = async () =>
    (await tracker.ctx.db('events').where({ stream: 'releases:acme', type: 'status' }).orderBy('seq')).map(
      ({ data }) => `${data.previous_status} -> ${data.status}`,
    )

  it('list an environment that only pings, with the master’s time and the sender’s', async () => {
    const sent = new Date(Date.now() - 90_000).toISOString()
    const body = { client_name: 'acme', env_name: 'prod', slave_version: 'v1.0.0', timestamp: sent, more: 1 }
    expect((await ping(body)).json).toMatchObject({ status: 'ok' })
    const before = Date.now()
    const { acme } = await statuses()
    expect(acme.prod).toMatchObject({ status: 'online', slave_version: 'v1.0.0' })
    expect(Math.abs(before - Date.parse(acme.prod.last_ping))).toBeLessThan(20_000)
    expect(acme.prod.clock_skew_seconds).toBeGreaterThanOrEqual(-95)
    expect(acme.prod.clock_skew_seconds).toBeLessThanOrEqual(-89)
    expect((await ping({ client_name: 'acme' })).status).toBe(400)
    expect((await ping({ client_name: 'acme', env_name: 'prod' }, secrets.other)).status).toBe(403)
  })

  it('have the status never for an environment that has only releases', async () => {
    await tracker.put('shop/Deployment/web/app', {
      image_tag: '1',
      image_sha: sha('1'),
      client_name: 'quiet',
      env_name: 'x',
    })
    expect((await statuses()).quiet).toEqual({ x: { status: 'never' } })
    const { statistics, clients_environments } = await tracker.get('/api/clients-environments')
    expect(clients_environments).toEqual({ acme: ['prod'], quiet: ['x'] })
    expect(statistics).toEqual({ total_clients: 2, total_environments: 2, total_releases: 1 })
    const own = await tracker.get('/api/clients-environments', { token: secrets.acme })
    expect(own.clients_environments).toEqual({ acme: ['prod'] })
    expect(own.statistics).toEqual({ total_clients: 1, total_environments: 1, total_releases: 0 })
  })

  it('create one event for each change of status', async () => {
    for (const [age, status] of [
      [9.9, 'online'],
      [10.1, 'warning'],
      [14.9, 'warning'],
      [15.1, 'offline'],
    ] as const) {
      await tracker.ctx.db('tracker_pings').update({ last_ping: minutes(age) })
      await check()
      expect((await statuses()).acme.prod.status).toBe(status)
    }
    await check()
    await ping({ client_name: 'acme', env_name: 'prod' })
    await ping({ client_name: 'acme', env_name: 'prod' })
    expect(await told()).toEqual([
      'never -> online',
      'online -> warning',
      'warning -> offline',
      'offline -> online',
    ])
  })
})
