import fc from 'fast-check'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { expectSound, secrets, sha, startTracker, type Tracker } from './harness.ts'

const at = (hour: number) => new Date(Date.UTC(2026, 0, 1, hour)).toISOString()

describe('the history of one container', () => {
  let tracker: Tracker
  let workload = ''
  let count = 0
  beforeAll(async () => {
    tracker = await startTracker({ env: { MODE: 'master' } })
  })
  afterAll(() => tracker?.stop())
  beforeEach(() => {
    count++
    workload = `w-${count}`
  })
  afterEach(() => expectSound(tracker))

  const seen = (image: string, hour: number, more: object = {}) =>
    tracker.put(`shop/Deployment/${workload}/app`, {
      ...{ image_tag: image.split('/')[0], image_sha: sha(image.split('/').at(-1) ?? '') },
      ...{ released_at: at(hour), ...more },
    })
  async function stored(image: string, hour: number, more: object = {}) {
    const answer = await seen(image, hour, more)
    expect(answer.status, answer.text).toBe(200)
  }
  interface Row {
    image_tag: string
    first_seen: string
    last_seen: string
    ended: string | null
  }
  const hourOf = (text: string) => new Date(text).getUTCHours()
  async function history(): Promise<string[]> {
    const { json } = await tracker.history(`shop/${workload}/app`)
    return json.releases
      .toReversed()
      .map((row: Row) => `${row.image_tag} ${hourOf(row.first_seen)}-${hourOf(row.last_seen)} ${row.ended}`)
  }
  async function ranAt(hour: number): Promise<string | undefined> {
    const rows = await tracker.current(`&at=${at(hour)}`)
    return rows.find((row) => row.workload_name === workload)?.image_tag
  }

  it('has one interval as long as the same image is seen', async () => {
    for (const hour of [1, 2, 5]) await stored('a', hour)
    expect(await history()).toEqual(['a 1-5 null'])
  })

  it('has three intervals for A, B, A', async () => {
    await stored('a', 1)
    await stored('b', 2)
    await stored('a', 3)
    expect(await history()).toEqual(['a 1-1 replaced', 'b 2-2 rolled-back', 'a 3-3 null'])
  })

  it('begins a new interval for the same digest with a new tag', async () => {
    await stored('1.0/content', 1)
    await stored('stable/content', 2)
    expect(await history()).toEqual(['1.0 1-1 re-tagged', 'stable 2-2 null'])
  })

  it('begins a new interval for the same tag with a new digest', async () => {
    await stored('latest/one', 1)
    await stored('latest/two', 2)
    expect(await history()).toEqual(['latest 1-1 replaced', 'latest 2-2 null'])
  })

  it('begins a new interval when the same image moves to another registry', async () => {
    await stored('a', 1, { image_repo: 'docker.io', image_name: 'web' })
    await stored('a', 2, { image_repo: 'mirror.example.org', image_name: 'web' })
    expect(await history()).toEqual(['a 1-1 re-tagged', 'a 2-2 null'])
  })

  it('ends a replaced interval when it was last seen, and answers with it until the next begins', async () => {
    for (const hour of [1, 3]) await stored('a', hour)
    await stored('b', 6)
    expect(await history()).toEqual(['a 1-3 replaced', 'b 6-6 null'])
    expect([await ranAt(0), await ranAt(2), await ranAt(5), await ranAt(6), await ranAt(23)]).toEqual([
      ...[undefined, 'a', 'a', 'b', 'b'],
    ])
  })

  it('is extended back by a PUT just before the same image was first seen', async () => {
    await stored('a', 1)
    await stored('b', 5)
    await stored('b', 4)
    expect(await history()).toEqual(['a 1-1 replaced', 'b 4-5 null'])
    await stored('a', 0)
    expect(await history()).toEqual(['a 0-1 replaced', 'b 4-5 null'])
  })

  it('gets an interval in a gap, and between its neighbours the endings are right', async () => {
    await stored('a', 1)
    await stored('c', 5)
    await stored('b', 3)
    expect(await history()).toEqual(['a 1-1 replaced', 'b 3-3 replaced', 'c 5-5 null'])
    await stored('a', 4)
    expect(await history()).toEqual(['a 1-1 replaced', 'b 3-3 rolled-back', 'a 4-4 replaced', 'c 5-5 null'])
    expect((await tracker.current()).find((row) => row.workload_name === workload)?.image_tag).toBe('c')
  })

  it('a PUT of the previous image in a gap extends its interval', async () => {
    await stored('a', 1)
    await stored('b', 5)
    await stored('a', 3)
    expect(await history()).toEqual(['a 1-3 replaced', 'b 5-5 null'])
  })

  it('refuses another image inside observed time with 409 and names the interval', async () => {
    for (const hour of [1, 4]) await stored('a', hour)
    await stored('b', 6)
    const { status, json } = await seen('x', 2)
    expect(status).toBe(409)
    expect(json.error).toMatchObject({
      code: 'STATE_001',
      details: { interval: { image_tag: 'a', first_seen: at(1), last_seen: at(4) } },
    })
    expect((await seen('x', 6)).status).toBe(409)
    expect(await history()).toEqual(['a 1-4 replaced', 'b 6-6 null'])
    await stored('a', 2)
    expect(await history()).toEqual(['a 1-4 replaced', 'b 6-6 null'])
  })

  it('adds a repository that an earlier release did not have', async () => {
    await stored('a', 1)
    await stored('a', 2, { image_repo: 'docker.io', image_name: 'web' })
    expect((await tracker.history(`shop/${workload}/app`)).json.releases).toMatchObject([
      { image_repo: 'docker.io', image_name: 'web' },
    ])
  })

  it('keeps workloads of one name and different kinds apart', async () => {
    await stored('a', 1)
    await tracker.put(`shop/StatefulSet/${workload}/app`, {
      image_tag: 'z',
      image_sha: sha('z'),
      released_at: at(2),
    })
    const { json } = await tracker.history(`shop/${workload}/app`)
    expect(json.total).toBe(2)
    expect(json.releases.map((row: { workload_kind: string }) => row.workload_kind)).toEqual([
      'StatefulSet',
      'Deployment',
    ])
    const one = await tracker.history(`shop/${workload}/app`, '?kind=Deployment')
    expect(one.json).toMatchObject({ total: 1, releases: [{ image_tag: 'a' }] })
    expect((await tracker.history(`shop/${workload}/app`, '?kind=DaemonSet')).status).toBe(404)
  })

  it('has true totals and pages', async () => {
    for (let hour = 0; hour < 7; hour++) await stored(`v${hour}`, hour)
    const tags: string[] = []
    let cursor = ''
    for (let pages = 0; pages < 3; pages++) {
      const { json } = await tracker.history(`shop/${workload}/app`, `?limit=3${cursor}`)
      expect(json.total).toBe(7)
      tags.push(...json.releases.map((row: Row) => row.image_tag))
      cursor = `&cursor=${json.next_cursor}`
    }
    expect(tags).toEqual(['v6', 'v5', 'v4', 'v3', 'v2', 'v1', 'v0'])
    expect(cursor).toBe('&cursor=null')
    expect((await tracker.history(`shop/${workload}/app`, '?cursor=nonsense')).status).toBe(400)
  })

  it('has no overlaps with two concurrent writers', async () => {
    const writes = Array.from({ length: 40 }, (_, n) => seen(`v${n % 3}`, 1 + (n % 20)))
    const statuses = (await Promise.all(writes)).map(({ status }) => status)
    expect(statuses.every((status) => status === 200 || status === 409)).toBe(true)
  })

  it('never has overlapping intervals, whatever is observed in whatever order', async () => {
    const observation = fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.integer({ min: 0, max: 23 }))
    await fc.assert(
      fc.asyncProperty(fc.array(observation, { minLength: 1, maxLength: 12 }), async (observations) => {
        count++
        workload = `w-${count}`
        const accepted = new Map<number, string>()
        for (const [image, hour] of observations) {
          const { status } = await seen(image, hour)
          const known = accepted.get(hour)
          expect([200, 409]).toContain(status)
          if (known !== undefined) expect(status).toBe(known === image ? 200 : 409)
          if (status === 200) accepted.set(hour, image)
        }
        await expectSound(tracker)
        for (const [hour, image] of accepted) expect(await ranAt(hour)).toBe(image)
      }),
      { numRuns: 12 },
    )
  })

  it('cannot have overlapping intervals, because the database refuses them', async () => {
    await stored('a', 1)
    const { component_id: component } = await tracker.ctx
      .db('tracker_intervals')
      .orderBy('id', 'desc')
      .first()
    const row = {
      ...{ component_id: component, image_repo: '', image_name: '', image_tag: 'x', image_sha: sha('x') },
      ...{ first_seen: at(3), last_seen: at(3) },
    }
    // What is open reaches to the end of time.
    await expect(tracker.ctx.db('tracker_intervals').insert(row)).rejects.toMatchObject({ code: '23P01' })
    const closed = { ...row, first_seen: at(0), last_seen: at(1), ended: 'replaced' }
    await expect(tracker.ctx.db('tracker_intervals').insert(closed)).rejects.toMatchObject({ code: '23P01' })
  })

  it('refuses an invalid PUT and names the field', async () => {
    const good = { image_tag: '1', image_sha: sha('one') }
    const fields = async (path: string, body: object) => {
      const { status, json, text } = await tracker.put(path, body)
      expect(status, text).toBe(400)
      return json.error.details.fields.map((each: { path: string }) => each.path)
    }
    const path = `shop/Deployment/${workload}/app`
    expect(await fields(path, { image_sha: sha('one') })).toEqual(['image_tag'])
    expect(await fields(path, { image_tag: '1' })).toEqual(['image_sha'])
    expect(await fields(path, { ...good, image_sha: 'sha256:abc' })).toEqual(['image_sha'])
    expect(await fields(path, { ...good, image_tag: 'a b' })).toEqual(['image_tag'])
    expect(await fields(path, { ...good, released_at: 'yesterday' })).toEqual(['released_at'])
    expect(await fields(path, { ...good, released_at: '2999-01-01T00:00:00Z' })).toEqual(['released_at'])
    expect(await fields(path, { ...good, client_name: '<script>' })).toEqual(['client_name'])
    expect(await fields('Shop/Deployment/web/app', good)).toEqual(['namespace'])
    expect(await fields('shop/Deployment/we%20b/app', good)).toEqual(['workload'])
    expect(await fields('shop/Deploy.ment/web/app', good)).toEqual(['kind'])
    expect(await fields('shop/Deployment/web/a_b', good)).toEqual(['container'])
    const answer = await tracker.put(path, { ...good, image_sha: sha('one').slice(7), from_the_future: true })
    expect(answer.json.release).toMatchObject({ version: '1', image_sha: sha('one') })
    expect(answer.json).toMatchObject({
      status: 'success',
      message: 'Release collected successfully',
      component: {
        namespace: 'shop',
        workload_kind: 'Deployment',
        workload_name: workload,
        container_name: 'app',
      },
    })
  })

  it('is written for the client of a client key without its name', async () => {
    const answer = await seen('a', 1, {})
    expect(answer.status).toBe(200)
    const own = await tracker.put(
      `shop/Deployment/${workload}/app`,
      { image_tag: 'o', image_sha: sha('o') },
      { token: secrets.other },
    )
    expect(own.status).toBe(200)
    const rows = await tracker.ctx.db('tracker_scopes').where({ client_name: 'other' })
    expect(rows).toHaveLength(1)
  })
})
