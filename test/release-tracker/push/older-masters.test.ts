import { beforeEach, describe, expect, it } from 'vitest'
import {
  closeAfterEach,
  health,
  type MasterCall,
  type Reply,
  startFakeMaster,
  startSlave,
  workloadOf,
} from './slave.ts'

closeAfterEach()

const names = (call: MasterCall): string[] =>
  (call.body.items ?? []).map((item: { workload_name: string }) => item.workload_name)
const stored = (call: MasterCall): Reply => ({
  status: 200,
  body: {
    acknowledged: call.body.sequence,
    results: names(call).map((_, index) => ({ index, status: 'stored' })),
  },
})

/** The release tracker of the source document: a PUT for each release, no batches, errors as plain text. */
function createPutMaster() {
  const releases: string[] = []
  let answer: (call: MasterCall) => Reply = () => ({ status: 200 })
  const start = () =>
    startFakeMaster((call) => {
      if (call.method === 'POST') return { status: 404 }
      const reply = answer(call)
      if (reply !== 'cut' && reply.status === 200) releases.push(`${workloadOf(call)} ${call.body.image_tag}`)
      return reply
    })
  return {
    releases,
    start,
    answerWith(next: typeof answer) {
      answer = next
    },
  }
}

describe('a master without batches', () => {
  let master: ReturnType<typeof createPutMaster>
  beforeEach(() => {
    master = createPutMaster()
  })

  it('receives every release that began and ended during an outage, the oldest first', async () => {
    const { apply, remove, collect, push, waiting } = await startSlave(await master.start())
    apply('web', '1')
    await collect()
    await push()
    for (const tag of ['2', '3', '2']) {
      apply('web', tag)
      await collect()
    }
    apply('short', '1')
    await collect()
    remove('short')
    await collect()
    master.releases.length = 0
    expect(await push()).toMatchObject({ state: 'completed', progress: { rejected: 0, waiting: 0 } })
    expect(master.releases).toEqual(['web 2', 'web 3', 'web 2', 'short 1'])
    expect(await waiting()).toEqual([])
    // An interval that has only ended was delivered when it began.
    apply('web', '4')
    await collect()
    await push()
    expect(master.releases.slice(4)).toEqual(['web 4'])
  })

  it.each([405, 501])('is also one that answers %d to a batch', async (status) => {
    const puts: string[] = []
    const url = await startFakeMaster((call) => {
      if (call.method === 'POST') return { status }
      puts.push(workloadOf(call))
      return { status: 200 }
    })
    const { apply, collect, push } = await startSlave(url)
    apply('web', '1')
    await collect()
    expect((await push()).state).toBe('completed')
    expect(puts).toEqual(['web'])
  })

  it('does not receive releases twice that it took before it became unreachable', async () => {
    const { slave, apply, collect, push, waiting } = await startSlave(await master.start())
    for (const name of ['a', 'b', 'c', 'd']) apply(name, '1')
    await collect()
    master.answerWith(() => ({ status: master.releases.length < 2 ? 200 : 503 }))
    expect((await push()).state).toBe('retrying')
    expect(master.releases).toEqual(['a 1', 'b 1'])
    expect((await waiting()).map(({ reason }) => reason)).toEqual([null, null])
    expect((await health(slave)).waiting_releases).toMatchObject({
      items: 2,
      reasons: [{ items: 2, reason: 'The master did not take a release: 503' }],
    })
    master.answerWith(() => ({ status: 200 }))
    expect((await push()).state).toBe('completed')
    expect(master.releases).toEqual(['a 1', 'b 1', 'c 1', 'd 1'])
  })

  it.each<[string, Reply]>([
    ['403', { status: 403 }],
    ['500', { status: 500 }],
  ])('that answers %s to one release receives the others in the same push', async (_title, reply) => {
    const { apply, collect, push, waiting } = await startSlave(await master.start())
    master.answerWith((call) => (workloadOf(call) === 'b' ? reply : { status: 200 }))
    for (const name of ['a', 'b', 'c']) apply(name, '1')
    await collect()
    expect(await push()).toMatchObject({ state: 'completed', progress: { rejected: 1, waiting: 1 } })
    expect(master.releases).toEqual(['a 1', 'c 1'])
    expect(await waiting()).toMatchObject([{ tries: 1 }])
  })

  it.each<[string, Reply]>([
    ['closes the connection', 'cut'],
    ['answers 502', { status: 502 }],
  ])('that %s for one release receives the others after a few attempts', async (_title, reply) => {
    const { slave, apply, collect, push, due } = await startSlave(await master.start())
    let isFixed = false
    master.answerWith((call) => (workloadOf(call) === 'a' && !isFixed ? reply : { status: 200 }))
    for (const name of ['a', 'b', 'c']) apply(name, '1')
    await collect()
    for (let attempt = 1; attempt < 4; attempt++) expect((await push()).state).toBe('retrying')
    expect(master.releases).toEqual([])
    expect((await push()).state).toBe('completed')
    expect(master.releases).toEqual(['b 1', 'c 1'])
    expect((await health(slave)).waiting_releases).toMatchObject({ items: 1 })
    isFixed = true
    await due()
    await push()
    expect(master.releases).toEqual(['b 1', 'c 1', 'a 1'])
  })
})

/** Records the calls of a master with batches. `refuses` decides about each call with items. */
async function startBatchMaster(refuses: (call: MasterCall) => Reply | undefined) {
  const calls: string[][] = []
  const delivered = new Set<string>()
  const named: string[] = []
  const url = await startFakeMaster((call) => {
    calls.push(names(call))
    const refusal = refuses(call)
    if (refusal !== undefined) return refusal
    for (const item of call.body.items)
      if (item.first_seen === undefined) named.push(item.workload_name)
      else delivered.add(`${item.workload_name} ${item.image_tag}`)
    return stored(call)
  })
  return { url, calls, delivered, named }
}

const whole = (call: MasterCall) =>
  call.body.items.some(
    (item: { workload_name: string; first_seen?: string }) =>
      item.workload_name === 'b' && item.first_seen !== undefined,
  )

describe('a batch that the master refuses as a whole', () => {
  it.each([400, 403, 413, 422, 500])(
    'with %d is divided until only the release that causes it waits',
    async (status) => {
      let isFixed = false
      const master = await startBatchMaster((call) => (whole(call) && !isFixed ? { status } : undefined))
      const { slave, apply, collect, push, due, waiting } = await startSlave(master.url)
      for (const name of ['a', 'b', 'c', 'd', 'e']) apply(name, '1')
      await collect()
      expect(await push()).toMatchObject({
        state: 'completed',
        progress: { sequence: 1, acknowledged: 1, rejected: 1, waiting: 1 },
      })
      expect([...master.delivered].toSorted()).toEqual(['a 1', 'c 1', 'd 1', 'e 1'])
      // It was a full push: the release that can't be delivered is named, so that its component is not ended.
      expect(master.named).toEqual(['b'])
      const reason = status === 413 ? 'is too large for the master' : `the master answered ${status}`
      expect(await waiting()).toMatchObject([{ alone: true, reason }])
      expect((await health(slave)).waiting_releases).toMatchObject({
        items: 1,
        reasons: [{ reason, items: 1 }],
      })

      // What comes later is delivered at once, and the release is tried again by itself.
      apply('f', '1')
      await collect()
      await due()
      master.calls.length = 0
      await push()
      expect(master.calls).toEqual([['b'], ['f']])
      expect(await waiting()).toMatchObject([{ alone: true, tries: 2 }])
      isFixed = true
      await due()
      expect(await push()).toMatchObject({ state: 'completed', progress: { waiting: 0 } })
      expect(master.delivered.size).toBe(6)
    },
  )

  it('because one release makes the master close the connection is divided from the fourth attempt on', async () => {
    const master = await startBatchMaster((call) => (whole(call) ? 'cut' : undefined))
    const { apply, collect, push, waiting } = await startSlave(master.url)
    for (const name of ['a', 'b', 'c']) apply(name, '1')
    await collect()
    for (let attempt = 1; attempt < 4; attempt++) expect((await push()).state).toBe('retrying')
    expect(master.calls).toHaveLength(3)
    expect((await push()).state).toBe('completed')
    expect([...master.delivered].toSorted()).toEqual(['a 1', 'c 1'])
    expect(await waiting()).toMatchObject([{ reason: 'the master did not answer' }])
  })

  it('is retried as a whole when the master also refuses a call without releases', async () => {
    const master = await startBatchMaster(() => ({ status: 403 }))
    const { apply, collect, push, waiting } = await startSlave(master.url)
    for (const name of ['a', 'b', 'c']) apply(name, '1')
    await collect()
    expect((await push()).state).toBe('retrying')
    expect(master.calls).toEqual([['a', 'b', 'c'], []])
    expect(await waiting()).toEqual([])
  })

  it('keeps the namespace of a release out of the conclusion if even its name is refused', async () => {
    const conclusions: object[] = []
    const master = await startBatchMaster((call) => {
      if (names(call).includes('b')) return { status: 400 }
      if (call.body.last) conclusions.push(call.body)
      return undefined
    })
    const { slave, apply, collect, push } = await startSlave(master.url, { NAMESPACES: '*' })
    for (const namespace of ['shop', 'ops']) slave.cluster.addNamespace(namespace)
    for (const name of ['a', 'b']) apply(name, '1')
    slave.cluster.apply('Deployment', 'ops', 'c', {
      containers: [{ name: 'app', image: 'r.example.org/c:1' }],
    })
    slave.cluster.settle('ops')
    await collect()
    expect((await push()).state).toBe('completed')
    expect(conclusions).toMatchObject([{ all_namespaces: false, namespaces: [{ namespace: 'ops' }] }])
  })

  it('of which every release is refused ends after 20 of them, and the next attempt continues', async () => {
    const master = await startBatchMaster((call) => (names(call).length > 0 ? { status: 422 } : undefined))
    const { slave, apply, collect, push, waiting } = await startSlave(master.url)
    for (let n = 0; n < 50; n++)
      slave.cluster.apply('Deployment', 'shop', `w-${n}`, {
        containers: [{ name: 'app', image: 'r.example.org/w:1' }],
      })
    apply('last', '1')
    await collect()
    expect((await push()).state).toBe('retrying')
    expect(await waiting()).toHaveLength(20)
    // 51 releases are halved six times before one is left.
    expect(master.calls.length).toBeLessThanOrEqual(20 * 7 + 1)
    await push()
    expect(await waiting()).toHaveLength(40)
  })
})

describe('a slave that dies between a push and its acknowledgement', () => {
  const points = ['insert on tracker_waiting', 'delete on tracker_waiting', 'update on tracker_outbox']
  const contracts = ['batches', 'PUT'] as const
  it.each(points.flatMap((point) => contracts.map((contract) => [point, contract] as const)))(
    'before the %s, with a master of %s, delivers everything',
    async (point, contract) => {
      const delivered: string[] = []
      let refuses = true
      const url = await startFakeMaster((call) => {
        const isBad = (name: string) => refuses && name === 'b'
        if (contract === 'PUT') {
          if (call.method === 'POST') return { status: 404 }
          if (isBad(workloadOf(call))) return { status: 400 }
          delivered.push(workloadOf(call))
          return { status: 200 }
        }
        delivered.push(...names(call).filter((name) => !isBad(name)))
        const results = names(call).map((name, index) => ({
          index,
          status: isBad(name) ? 'invalid' : 'stored',
        }))
        return { status: 200, body: { acknowledged: call.body.sequence, results } }
      })
      const { slave, apply, collect, push, due, waiting } = await startSlave(url)
      for (const name of ['a', 'b', 'c']) apply(name, '1')
      await collect()
      const { db } = slave.ctx
      await db.raw(`create function die() returns trigger language plpgsql as $$ begin raise 'died'; end $$`)
      // The numbering of runs updates the outbox, too; only acknowledgements are to die.
      const when = point.startsWith('update')
        ? 'when (new.acknowledged is distinct from old.acknowledged)'
        : ''
      await db.raw(`create trigger die before ${point} for each row ${when} execute function die()`)
      await push()
      refuses = false
      await db.raw(`drop trigger die on ${point.split(' ').at(-1)}`)
      for (
        let n = 0;
        n < 3 && (await db('jobs').where({ name: 'push-releases' }).whereNull('finished_at')).length > 0;
        n++
      ) {
        await due()
        await push()
      }
      expect(new Set(delivered)).toEqual(new Set(['a', 'b', 'c']))
      expect(await waiting()).toEqual([])
      const outbox = await db('tracker_outbox').first()
      expect(outbox.acknowledged).toBe(outbox.sequence)
    },
  )
})
