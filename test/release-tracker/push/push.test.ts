import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { extensionsOf } from '../collection/fake-extensions.ts'
import { expectSound, secrets, sha, startTracker, type Tracker } from '../harness.ts'

interface Interval {
  namespace: string
  workload: string
  container: string
  image_tag: string
  image_sha: string
  first_seen: Date
  last_seen: Date
  ended: string | null
}

/** All that a database knows of a client, with the times that readers see. */
async function everything({ ctx }: Tracker, client = 'acme'): Promise<Interval[]> {
  const { rows } = await ctx.db.raw(
    `select s.namespace, c.api_group, c.kind, c.workload, c.container, i.image_repo, i.image_name, i.image_tag, i.image_sha, i.first_seen,
       case when i.ended is null and c.watched then greatest(i.last_seen, s.last_seen) else i.last_seen end as last_seen,
       i.ended, i.ended_at, case when i.ended is null then c.state end as state,
       case when i.ended is null then c.pods end as pods, case when i.ended is null then c.images end as images
     from tracker_intervals i join tracker_components c on c.id = i.component_id join tracker_scopes s on s.id = c.scope_id
     where s.client_name = ? order by 1, 2, 3, 4, 5, i.first_seen`,
    [client],
  )
  return rows
}

describe('a slave and its master', () => {
  let master: Tracker
  let slave: Tracker
  beforeAll(async () => {
    master = await startTracker({ env: { MODE: 'master' } })
    slave = await startTracker({
      cluster: true,
      env: {
        MODE: 'slave',
        MASTER_URL: `${master.api.origin}/`,
        MASTER_API_KEY: secrets.acme,
        NAMESPACES: '*',
      },
    })
    for (const namespace of ['shop', 'ops']) slave.cluster.addNamespace(namespace)
    for (const [namespace, name] of [
      ['shop', 'web'],
      ['shop', 'api'],
      ['ops', 'agent'],
    ] as const)
      slave.cluster.apply('Deployment', namespace, name, { replicas: 2, containers: [app('1')] })
    settle()
  })
  afterAll(async () => {
    await slave?.stop()
    await master?.stop()
  })
  afterEach(async () => {
    await expectSound(slave)
    await expectSound(master)
  })

  const app = (tag: string) => ({ name: 'app', image: `registry.example.org/app:${tag}` })
  const settle = () => {
    for (const namespace of ['shop', 'ops']) slave.cluster.settle(namespace)
  }
  const deploy = (name: string, tag: string) => {
    slave.cluster.apply('Deployment', 'shop', name, { containers: [app(tag)] })
    settle()
  }
  async function collect() {
    const job = await slave.collect()
    expect(job.state, JSON.stringify(job.error)).toBe('completed')
  }
  const pushJobs = () =>
    slave.ctx.db('jobs').where({ name: 'push-releases' }).whereNull('finished_at').orderBy('created_at')
  /** Runs the push job that waits. @returns its row. */
  async function push() {
    const [job] = await pushJobs()
    expect(job).toBeDefined()
    return slave.run(job.id)
  }
  async function pushed() {
    const job = await push()
    expect(job.state, JSON.stringify(job.error)).toBe('completed')
    return job
  }
  async function expectEqual() {
    expect(await everything(master)).toEqual(await everything(slave))
  }

  it('the first push delivers everything with the true times', async () => {
    await collect()
    deploy('web', '2')
    await collect()
    expect(await pushJobs()).toHaveLength(1)
    expect((await pushed()).progress).toMatchObject({ sequence: 2, acknowledged: 2, items: 4, rejected: 0 })
    await expectEqual()
    expect(await everything(master)).toHaveLength(4)
    expect(await pushJobs()).toEqual([])
  })

  it('a push delivers workloads that differ only in their API group, and unknown digests', async () => {
    const extensions = extensionsOf(slave.cluster, 'ops')
    slave.cluster.apply('StatefulSet', 'ops', 'db', { containers: [app('1')] })
    const owner = extensions.resource('apps.kruise.io/v1beta1', 'StatefulSet', 'db')
    const pod = extensions.pod(owner, { containers: [app('2')] })
    settle()
    extensions.report(pod, 'app', '')
    await collect()
    expect((await pushed()).progress).toMatchObject({ items: 2, rejected: 0 })
    await expectEqual()
    const rows = (await master.current()).filter(({ workload_name }) => workload_name === 'db')
    expect(rows.map((row) => [row.image_tag, row.workload_group, row.image_sha === null]).toSorted()).toEqual(
      [
        ['1', undefined, false],
        ['2', 'apps.kruise.io', true],
      ],
    )
    slave.cluster.becomeReady(pod)
    await collect()
    await pushed()
    await expectEqual()
    slave.cluster.delete('Pod', 'ops', pod.metadata.name)
    slave.cluster.delete('StatefulSet', 'ops', 'db')
    await collect()
    await pushed()
    await expectEqual()
  })

  it('the push of an unchanged collection delivers only its time', async () => {
    await collect()
    expect((await pushed()).progress).toMatchObject({ items: 0 })
    await expectEqual()
  })

  it('a push delivers a new image, a changed rollout and a removal', async () => {
    deploy('web', '3')
    slave.cluster.scale('Deployment', 'ops', 'agent', 0)
    slave.cluster.delete('Deployment', 'shop', 'api')
    await collect()
    expect((await pushed()).progress).toMatchObject({ items: 4, rejected: 0 })
    await expectEqual()
    expect((await everything(master)).find(({ workload }) => workload === 'api')).toMatchObject({
      ended: 'removed',
    })
  })

  it('one push after an outage delivers all collections in order and once', async () => {
    for (const tag of ['4', '5', '4']) {
      deploy('web', tag)
      await collect()
    }
    slave.cluster.delete('Deployment', 'shop', 'web')
    await collect()
    deploy('web', '6')
    await collect()
    expect(await pushJobs()).toHaveLength(1)
    await pushed()
    await expectEqual()
    const tags = (await everything(master)).filter(({ workload }) => workload === 'web')
    expect(tags.map(({ image_tag, ended }) => `${image_tag} ${ended}`)).toEqual([
      '1 replaced',
      '2 replaced',
      '3 replaced',
      '4 replaced',
      '5 rolled-back',
      '4 removed',
      '6 null',
    ])
  })

  it('the master creates one event for each change, in order', async () => {
    const events = await master.ctx.db('events').where({ stream: 'releases:acme' }).orderBy('seq')
    const web = events.filter(({ data }) => data.workload_name === 'web')
    expect(web.map(({ type, data }) => `${type} ${data.image_tag}`)).toEqual(
      // The first push was a whole history: only what still runs is news.
      ['release 2', 'release 3', 'release 4', 'release 5', 'release 4', 'release 6'],
    )
  })

  it('a push that is repeated after a lost response changes nothing', async () => {
    deploy('web', '7')
    await collect()
    const before = await slave.ctx.db('tracker_outbox').first()
    await pushed()
    const after = await everything(master)
    await slave.ctx.db('tracker_outbox').update({ acknowledged: before.acknowledged })
    await slave.ctx.db.transaction(async (trx) => {
      const { pushJob, context } = {
        pushJob: (await import('../../../src/release-tracker/index.ts')).pushJob,
        context: slave.ctx,
      }
      await context.enqueue(trx, pushJob, { payload: {}, subject: 'tracker:push' })
    })
    await pushed()
    expect(await everything(master)).toEqual(after)
    await expectEqual()
  })

  it('a master that lost its data receives everything again', async () => {
    await master.ctx.db.raw(
      'truncate tracker_intervals, tracker_components, tracker_scopes, tracker_collectors restart identity',
    )
    await collect()
    await pushed()
    await expectEqual()
  })

  it('a slave whose database was restored pushes under a new collector id', async () => {
    const outbox = await slave.ctx.db('tracker_outbox').first()
    await master.ctx
      .db('tracker_collectors')
      .update({ sequence: Number(outbox.sequence) + 1000, run_id: outbox.collector_id })
    await collect()
    await pushed()
    await expectEqual()
    expect((await slave.ctx.db('tracker_outbox').first()).collector_id).not.toBe(outbox.collector_id)
  })

  it('a full push of a new slave ends the components that it does not have', async () => {
    await slave.ctx.db.raw(
      'truncate tracker_intervals, tracker_components, tracker_scopes, tracker_outbox restart identity',
    )
    slave.cluster.delete('Deployment', 'ops', 'agent')
    slave.cluster.deleteNamespace('ops')
    await collect()
    await pushed()
    const open = (await everything(master)).filter(({ ended }) => ended === null)
    expect(open.map(({ workload, image_tag }) => `${workload} ${image_tag}`)).toEqual(['web 7'])
    expect(
      (await everything(master)).filter(({ workload, ended }) => workload === 'agent' && ended !== 'removed'),
    ).toEqual([])
  })

  it('releases that people record on the slave are delivered, and collections do not end them', async () => {
    const put = await slave.put('shop/Deployment/by-hand/app', { image_tag: '1', image_sha: sha('hand') })
    expect(put.status, put.text).toBe(200)
    await pushed()
    await collect()
    await pushed()
    const row = (await everything(master)).find(({ workload }) => workload === 'by-hand')
    expect(row).toMatchObject({ image_tag: '1', ended: null })
    const known = (await everything(slave)).find(({ workload }) => workload === 'by-hand')
    expect(row).toEqual(known)
  })
  it('the master stores valid items of a batch and returns a result for each item', async () => {
    const item = {
      ...{ namespace: 'shop', workload_kind: 'Deployment', container_name: 'app', image_tag: '1' },
      ...{ first_seen: '2026-01-01T00:00:00Z', last_seen: '2026-01-01T01:00:00Z' },
    }
    const body = {
      collector_id: '00000000-0000-4000-8000-00000000000a',
      run_id: '00000000-0000-4000-8000-00000000000b',
      ...{ sequence: 1, since: null, client_name: 'acme', env_name: 'items' },
      unknown: 'field',
      items: [
        { ...item, workload_name: 'good', image_sha: sha('a'), new_field: 1 },
        { ...item, workload_name: 'bad', image_sha: 'abc' },
        { ...item, workload_name: 'good', image_sha: sha('b') },
        { ...item, workload_name: 'future', image_sha: sha('a'), last_seen: '2999-01-01T00:00:00Z' },
        { ...item, workload_name: 'ended', image_sha: sha('a'), ended: 'evaporated' },
      ],
    }
    const answer = await master.call('/api/collect/batch', { json: body, token: secrets.acme })
    expect(answer.status, answer.text).toBe(200)
    expect(answer.json).toMatchObject({
      acknowledged: 1,
      results: [
        { index: 0, status: 'stored' },
        { index: 1, status: 'invalid', fields: [{ path: 'image_sha' }] },
        { index: 2, status: 'conflict', interval: { image_sha: sha('a') } },
        { index: 3, status: 'invalid', fields: [{ path: 'last_seen' }] },
        { index: 4, status: 'stored' },
      ],
    })
    const repeat = await master.call('/api/collect/batch', { json: body, token: secrets.acme })
    // Whoever lost the answer learns once more what was rejected.
    expect(repeat.json.results.map(({ status }: { status: string }) => status)).toEqual([
      ...['duplicate', 'invalid', 'conflict', 'invalid', 'duplicate'],
    ])
    const gap = await master.call('/api/collect/batch', {
      json: { ...body, since: 5, sequence: 6 },
      token: secrets.acme,
    })
    expect(gap.status).toBe(409)
    expect(gap.json.error.details.acknowledged).toBe(1)
    expect(
      (
        await master.call('/api/collect/batch', {
          json: { ...body, client_name: 'other' },
          token: secrets.acme,
        })
      ).status,
    ).toBe(403)
    const ended = await master.get('/api/releases/history/acme/items/shop/ended/app')
    expect(ended.releases).toMatchObject([{ ended: 'unknown' }])
  })

  it('a push in several parts is acknowledged with the last part', async () => {
    const item = (n: number) => ({
      ...{ namespace: 'shop', workload_kind: 'Deployment', workload_name: `w-${n}`, container_name: 'app' },
      ...{
        image_tag: '1',
        image_sha: sha('a'),
        first_seen: '2026-01-01T00:00:00Z',
        last_seen: '2026-01-01T01:00:00Z',
      },
    })
    const part = (n: number, last: boolean) => ({
      collector_id: '00000000-0000-4000-8000-00000000000c',
      run_id: '00000000-0000-4000-8000-00000000000d',
      ...{ sequence: 1, since: null, client_name: 'acme', env_name: 'parts', part: n, last },
      namespaces: last ? [{ namespace: 'shop', last_seen: '2026-01-01T01:00:00Z' }] : [],
      items: [item(2 * n), item(2 * n + 1)],
    })
    const send = (body: object) => master.call('/api/collect/batch', { json: body, token: secrets.acme })
    expect((await send(part(1, false))).json.acknowledged).toBeNull()
    // Its answer was lost: it comes again.
    expect((await send(part(1, false))).json.results).toMatchObject([
      { status: 'unchanged' },
      { status: 'unchanged' },
    ])
    expect((await send(part(2, true))).json.acknowledged).toBe(1)
    const { total } = await master.get('/api/releases/current?client_name=acme&env_name=parts')
    expect(total).toBe(4)
  })
})

describe('a master without the batch endpoint', () => {
  it('receives one PUT for each changed container, the oldest first, until each is answered with 200', async () => {
    const calls: string[] = []
    let failing = 2
    const server = createServer(async (req, res) => {
      const body = JSON.parse((await bodyOf(req)) || '{}')
      if (req.method === 'POST') {
        res.writeHead(404).end('404 page not found\n')
        return
      }
      calls.push(`${req.url} ${body.image_tag}`)
      expect(req.headers.authorization).toBe(`Bearer ${secrets.acme}`)
      res.writeHead(calls.length === 2 && failing-- > 0 ? 503 : 200).end('{}')
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const slave = await startTracker({
      cluster: true,
      env: { MODE: 'slave', MASTER_URL: url, MASTER_API_KEY: secrets.acme, NAMESPACES: 'shop' },
    })
    try {
      const apply = (name: string, tag: string) => {
        slave.cluster.apply('Deployment', 'shop', name, {
          containers: [{ name: 'app', image: `r.example.org/a:${tag}` }],
        })
        slave.cluster.settle('shop')
      }
      apply('one', '1')
      await slave.collect()
      apply('two', '1')
      await slave.collect()
      const push = async () => {
        const job = await slave.ctx
          .db('jobs')
          .where({ name: 'push-releases' })
          .whereNull('finished_at')
          .first()
        return slave.run(job.id)
      }
      expect(await push()).toMatchObject({
        state: 'retrying',
        error: { code: 'SYS_002', message: expect.stringContaining('503') },
      })
      expect(await push()).toMatchObject({ state: 'completed' })
      const path = (name: string) => `/api/collect/shop/Deployment/${name}/app`
      expect(calls).toEqual([`${path('one')} 1`, `${path('two')} 1`, `${path('two')} 1`])
      calls.length = 0
      apply('two', '2')
      slave.cluster.scale('Deployment', 'shop', 'one', 2)
      slave.cluster.settle('shop')
      await slave.collect()
      await push()
      expect(calls).toEqual([`${path('two')} 2`])
    } finally {
      await slave.stop()
      await new Promise((resolve) => server.close(resolve))
    }
  })
})

async function bodyOf(req: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of req) chunks.push(chunk)
  return req.headers['content-encoding'] === 'gzip' ? '' : Buffer.concat(chunks).toString()
}
