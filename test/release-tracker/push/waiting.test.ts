import { describe, expect, it } from 'vitest'
import { nameOf } from '../../../src/release-tracker/push/receiving/rejections.ts'
import { pageSizeOf } from '../../../src/release-tracker/push/sending/send-batches.ts'
import { noteRejections } from '../../../src/release-tracker/store/push/rejections.ts'
import { expectSound, secrets, sha, type Tracker } from '../harness.ts'
import { closeAfterEach, health, startFakeMaster, startMaster, startSlave } from './slave.ts'

closeAfterEach()

const currentOf = async (master: Tracker) => {
  const body = await master.get('/api/releases/current?client_name=acme&env_name=prod')
  return body.ordered_namespaces.flatMap((each: string) => body.namespaces[each])
}

describe('releases that a master does not store', () => {
  it('wait on the slave while their time is in the future, and are stored afterwards', async () => {
    const master = await startMaster()
    const { slave, apply, collect, push, due, waiting, shift } = await startSlave(master.api.origin)
    apply('web', '1')
    await collect()
    await shift('330 seconds')
    const first = await push()
    expect(first).toMatchObject({
      state: 'completed',
      progress: { rejected: 1, waiting: 1, acknowledged: 1 },
    })
    expect(await currentOf(master)).toEqual([])
    expect(await waiting()).toMatchObject([{ reason: 'last_seen is in the future', tries: 1 }])

    const report = { items: 1, reasons: [{ reason: 'last_seen is in the future', items: 1 }] }
    expect((await health(slave)).waiting_releases).toMatchObject(report)
    expect((await health(master)).waiting_releases).toMatchObject(report)
    const { waiting_releases, clients_environments } = await master.get('/api/clients-environments')
    expect(waiting_releases).toMatchObject({ acme: { prod: report } })
    expect(clients_environments).toEqual({ acme: ['prod'] })

    // The next push job waits for the next try, and no other is made.
    const again = await slave.ctx.db('jobs').where({ name: 'push-releases' }).whereNull('finished_at')
    expect(again).toMatchObject([{ state: 'queued', undelivered: true }])
    expect(again[0].run_at.getTime()).toBeGreaterThan(Date.now())

    // The reason is gone, without a new collection.
    await shift('-330 seconds')
    await due()
    expect(await push()).toMatchObject({ state: 'completed', progress: { rejected: 0, waiting: 0 } })
    expect(await currentOf(master)).toMatchObject([{ workload_name: 'web', image_tag: '1' }])
    expect(await waiting()).toEqual([])
    expect(await master.ctx.db('tracker_rejections')).toEqual([])
    expect(await slave.ctx.db('jobs').where({ name: 'push-releases' }).whereNull('finished_at')).toEqual([])
    await expectSound(master)
  })

  it('do not delay others, and are not sent again before their pause is over', async () => {
    const master = await startMaster()
    const { slave, apply, collect, push, waiting } = await startSlave(master.api.origin)
    apply('bad', '1')
    await collect()
    // What this slave's own rules let through, and the master's never do.
    await slave.ctx.db('tracker_components').update({ workload: 'NOT A NAME' })
    await push()
    const [{ next_try_at: nextTry }] = await waiting()
    await slave.ctx.db('tracker_components').update({ collected: false })
    apply('good', '1')
    await collect()
    const job = await push()
    expect(job.progress).toMatchObject({ rejected: 0, waiting: 1 })
    expect((await waiting())[0]).toMatchObject({ tries: 1, next_try_at: nextTry })
    expect((await currentOf(master)).map((each: { workload_name: string }) => each.workload_name)).toContain(
      'good',
    )
  })

  it('get longer pauses with each try, up to five minutes', async () => {
    const master = await startMaster()
    const { apply, collect, push, due, waiting, shift } = await startSlave(master.api.origin)
    apply('web', '1')
    await collect()
    await shift('3 days')
    const pauses: number[] = []
    for (let n = 0; n < 9; n++) {
      await push()
      const [{ next_try_at }] = await waiting()
      pauses.push(Math.round((next_try_at.getTime() - Date.now()) / 1000))
      await due()
    }
    expect(pauses[0]).toBeGreaterThanOrEqual(3)
    expect(pauses.toSorted((a, b) => a - b)).toEqual(pauses)
    expect(pauses.at(-1)).toBeLessThanOrEqual(300)
    expect(pauses.at(-1)).toBeGreaterThan(280)
    expect(await master.ctx.db('tracker_rejections')).toHaveLength(1)
  })

  it('are sent at once together with the changes of a new collection', async () => {
    const master = await startMaster()
    const { slave, apply, collect, push, shift } = await startSlave(master.api.origin)
    apply('web', '1')
    await collect()
    await shift('3 days')
    await push()
    await slave.ctx.db('tracker_scopes').update({ last_seen: null })
    apply('api', '1')
    await collect()
    const [job] = await slave.ctx.db('jobs').where({ name: 'push-releases' }).whereNull('finished_at')
    expect(job.run_at.getTime()).toBeLessThanOrEqual(Date.now() + 1000)
  })

  it('are found again when the answer that rejected them was lost', async () => {
    const master = await startMaster()
    const { slave, apply, collect, push, waiting, shift } = await startSlave(master.api.origin)
    apply('web', '1')
    apply('api', '1')
    await collect()
    await slave.ctx.db.raw(
      `update tracker_intervals i set first_seen = i.first_seen + interval '3 days', last_seen = i.last_seen + interval '3 days'
       from tracker_components c where c.id = i.component_id and c.workload = 'api'`,
    )
    const before = await slave.ctx.db('tracker_outbox').first()
    await push()
    // As if this slave had not heard it: neither the acknowledgement nor the results.
    await slave.ctx.db('tracker_outbox').update({ acknowledged: before.acknowledged })
    await slave.ctx.db('tracker_waiting').delete()
    await push()
    expect(await waiting()).toMatchObject([{ reason: 'last_seen is in the future' }])
    await shift('0 seconds')
    expect(await currentOf(master)).toMatchObject([{ workload_name: 'web' }])
  })

  it('do not end what runs when everything is pushed and the newest of it is rejected', async () => {
    const master = await startMaster()
    const { slave, apply, collect, push } = await startSlave(master.api.origin)
    apply('web', '1')
    await collect()
    await push()
    apply('web', '2')
    await collect()
    await slave.ctx.db.raw(
      `update tracker_intervals set first_seen = first_seen + interval '3 days', last_seen = last_seen + interval '3 days'
       where image_tag = '2'`,
    )
    await slave.ctx.db.raw('update tracker_outbox set acknowledged = null')
    await push()
    const events = await master.ctx.db('events').where({ stream: 'releases:acme', type: 'removed' })
    expect(events).toEqual([])
    await expectSound(master)
  })

  it('do not end what runs when everything is pushed before their pause is over', async () => {
    const master = await startMaster()
    const { slave, apply, collect, push, waiting } = await startSlave(master.api.origin)
    apply('web', '1')
    await collect()
    await push()
    apply('web', '2')
    await collect()
    await slave.ctx.db.raw(
      `update tracker_intervals set first_seen = first_seen + interval '3 days', last_seen = last_seen + interval '3 days'
       where image_tag = '2'`,
    )
    await push()
    expect(await waiting()).toHaveLength(1)
    await slave.ctx.db.raw(
      'update tracker_outbox set acknowledged = null, sequence = sequence + 1, run_id = gen_random_uuid()',
    )
    await push()
    expect((await waiting())[0]).toMatchObject({ tries: 2 })
    expect(await master.ctx.db('events').where({ stream: 'releases:acme', type: 'removed' })).toEqual([])
    await expectSound(master)
  })
})

describe('the calls of a push', () => {
  it('get smaller after failed attempts, down to 100 containers at first', () => {
    expect([1, 2, 3, 100].map(pageSizeOf)).toEqual([10_000, 1000, 100, 100])
  })
})

describe('rejections that a master keeps', () => {
  const place = { clientName: 'acme', envName: 'prod' }
  // Random, so that PostgreSQL can't compress it.
  const longText = () =>
    String.fromCodePoint(...Array.from({ length: 300 }, () => 0x10000 + Math.floor(Math.random() * 0xffff)))

  it('have short names, and longer ones stay different', async () => {
    const master = await startMaster()
    const names = ['namespace', 'workload_kind', 'workload_name', 'container_name', 'image_tag']
    const item = Object.fromEntries(names.map((name) => [name, longText()]))
    const all = [nameOf({ ...item, image_sha: longText() }), nameOf({ ...item, image_sha: longText() })]
    expect(new Set(all).size).toBe(2)
    const rejected = all.map((name) => ({ item: name, reason: 'is wrong' }))
    expect(await noteRejections(master.ctx.db, place, { rejected, stored: [] })).toMatchObject({ fresh: 2 })
    expect(await noteRejections(master.ctx.db, place, { rejected: [], stored: all })).toMatchObject({
      settled: 2,
    })
  })

  it('are 10,000 of one environment at most', async () => {
    const master = await startMaster()
    const { db } = master.ctx
    const some = (from: number, count: number) =>
      Array.from({ length: count }, (_, n) => ({ item: `item ${from + n}`, reason: 'is wrong' }))
    const fresh = async (rejected: { item: string; reason: string }[], envName = 'prod') =>
      (await noteRejections(db, { ...place, envName }, { rejected, stored: [] })).fresh
    expect(await fresh(some(0, 9_990))).toBe(9_990)
    expect(await fresh(some(9_980, 30))).toBe(10)
    expect(await fresh(some(0, 20))).toBe(0)
    expect(await fresh(some(0, 5), 'test')).toBe(5)
  })
})

describe('a batch', () => {
  it('with an invalid namespace is stored, and that namespace is ignored', async () => {
    const master = await startMaster()
    const seen = '2026-01-01T01:00:00Z'
    const item = {
      namespace: 'shop',
      workload_kind: 'Deployment',
      workload_name: 'web',
      container_name: 'app',
    }
    const answer = await master.call('/api/collect/batch', {
      token: secrets.acme,
      json: {
        ...{
          collector_id: '00000000-0000-4000-8000-00000000000a',
          run_id: '00000000-0000-4000-8000-00000000000b',
        },
        ...{ sequence: 1, since: null, client_name: 'acme', env_name: 'prod' },
        namespaces: [{ namespace: 'NO', last_seen: seen }, { namespace: 'shop', last_seen: 'never' }, null],
        items: [{ ...item, image_tag: '1', image_sha: sha('a'), first_seen: seen, last_seen: seen }],
      },
    })
    expect(answer.json).toMatchObject({ acknowledged: 1, results: [{ status: 'stored' }] })
  })
})

describe('a release that is sent by PUT and refused', () => {
  it.each([
    ['shop/Deployment/web/app', { image_sha: 'abc' }, 'image_sha '],
    ['shop/Deployment/web/app', { image_sha: null }, 'image_sha '],
    ['shop/Deployment/web/app', { released_at: 'yesterday' }, 'released_at '],
    ['shop/Deployment/Web_1/app', {}, 'workload '],
  ])('is reported by the master with the invalid field: %s %j', async (path, fields, reason) => {
    const master = await startMaster()
    const body = { image_tag: '1', image_sha: sha('a'), client_name: 'acme', env_name: 'prod', ...fields }
    expect((await master.put(path, body, { token: secrets.acme })).status).toBe(400)
    const { waiting_releases } = await master.get('/api/clients-environments')
    expect(waiting_releases).toMatchObject({ acme: { prod: { items: 1 } } })
    expect(waiting_releases.acme.prod.reasons[0].reason).toContain(reason)
  })

  it('is reported by the master until it is stored', async () => {
    const master = await startMaster()
    const put = (released_at: string) =>
      master.put(
        'shop/Deployment/web/app',
        { image_tag: '1', image_sha: sha('a'), client_name: 'acme', env_name: 'prod', released_at },
        { token: secrets.acme },
      )
    expect((await put(new Date(Date.now() + 330_000).toISOString())).status).toBe(400)
    const report = { items: 1, reasons: [{ reason: 'released_at is in the future', items: 1 }] }
    expect((await master.get('/api/clients-environments')).waiting_releases).toMatchObject({
      acme: { prod: report },
    })
    expect((await put(new Date().toISOString())).status).toBe(200)
    expect((await master.get('/api/clients-environments')).waiting_releases).toEqual({})
  })
})

describe('an older master', () => {
  it('that acknowledges a batch with rejected items receives those items again', async () => {
    let rejects = true
    const seen: string[][] = []
    const url = await startFakeMaster(({ body }) => {
      const items = body.items as { workload_name: string }[]
      seen.push(items.map((each) => each.workload_name))
      const results = items.map(({ workload_name }, index) =>
        rejects && workload_name === 'b'
          ? { index, status: 'invalid', fields: [{ path: 'last_seen', problem: 'is in the future' }] }
          : { index, status: 'stored' },
      )
      return { status: 200, body: { status: 'ok', acknowledged: body.sequence, results } }
    })
    const { apply, collect, push, due, waiting } = await startSlave(url)
    for (const name of ['a', 'b', 'c']) apply(name, '1')
    await collect()
    await push()
    expect(await waiting()).toHaveLength(1)
    rejects = false
    await due()
    await push()
    expect(seen).toEqual([['a', 'b', 'c'], ['b']])
    expect(await waiting()).toEqual([])
  })

  it.each([400, 404, 409, 422, 500])(
    'that answers %d to one PUT gets it again, and the others now',
    async (status) => {
      let refuses = true
      const calls: string[] = []
      const url = await startFakeMaster(({ method, path }) => {
        if (method === 'POST') return { status: 404 }
        const [, , , , , name = ''] = path.split('/')
        calls.push(name)
        return { status: refuses && name === 'b' ? status : 200 }
      })
      const { apply, collect, push, due, waiting } = await startSlave(url)
      for (const name of ['a', 'b', 'c']) apply(name, '1')
      await collect()
      expect((await push()).state).toBe('completed')
      expect(calls).toEqual(['a', 'b', 'c'])
      expect(await waiting()).toHaveLength(1)
      refuses = false
      await due()
      await push()
      expect(calls).toEqual(['a', 'b', 'c', 'b'])
      expect(await waiting()).toEqual([])
    },
  )

  it('that refuses one item as too large receives the others', async () => {
    const url = await startFakeMaster(({ body }) => {
      const items = body.items as { workload_name: string }[]
      if (items.some(({ workload_name }) => workload_name === 'b')) return { status: 413 }
      return { status: 200, body: { results: items.map((_, index) => ({ index, status: 'stored' })) } }
    })
    const { apply, collect, push, waiting } = await startSlave(url)
    for (const name of ['a', 'b', 'c']) apply(name, '1')
    await collect()
    expect(await push()).toMatchObject({ state: 'completed', progress: { rejected: 1, waiting: 1 } })
    expect(await waiting()).toMatchObject([{ reason: 'is too large for the master' }])
  })

  it('that refuses one item as too large in a full push receives its name', async () => {
    const named: object[] = []
    const url = await startFakeMaster(({ body }) => {
      const items = body.items as { workload_name: string; image_name?: string }[]
      const isB = ({ workload_name }: { workload_name: string }) => workload_name === 'b'
      if (items.some((each) => isB(each) && each.image_name !== undefined)) return { status: 413 }
      named.push(...items.filter(isB))
      const results = items.map((each, index) => ({ index, status: isB(each) ? 'invalid' : 'stored' }))
      return { status: 200, body: { results } }
    })
    const { apply, collect, push, waiting } = await startSlave(url)
    for (const name of ['a', 'b', 'c']) apply(name, '1')
    await collect()
    expect(await push()).toMatchObject({ state: 'completed', progress: { rejected: 1, waiting: 1 } })
    expect(await waiting()).toMatchObject([{ reason: 'is too large for the master', tries: 1 }])
    expect(named).toMatchObject([{ namespace: 'shop', container_name: 'app', image_tag: '1' }])
  })

  it('that refuses the whole push is named in health, with how much waits', async () => {
    const url = await startFakeMaster(() => ({ status: 403, body: { error: { code: 'ACCESS_003' } } }))
    const { slave, apply, collect, push } = await startSlave(url)
    apply('web', '1')
    await collect()
    expect(await push()).toMatchObject({ state: 'retrying' })
    const { waiting_releases } = await health(slave)
    expect(waiting_releases).toMatchObject({
      items: 1,
      reasons: [{ reason: 'The master did not take the push: 403 ACCESS_003' }],
    })
  })
})
