import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { expectSound, startTracker, type Tracker } from './harness.ts'

describe('a workload from its first deployment to its removal', () => {
  let tracker: Tracker
  /** Moments after each step, and what ran then. */
  const moments: { at: string; ran: string | undefined }[] = []
  const image = (tag: string) => `registry.example.org:5000/shop/web:${tag}`
  const apply = (tag: string) =>
    tracker.cluster.apply('Deployment', 'shop', 'web', {
      replicas: 3,
      containers: [{ name: 'app', image: image(tag) }],
    })

  beforeAll(async () => {
    tracker = await startTracker({ cluster: true, env: { MODE: 'master', NAMESPACES: 'shop' } })
    tracker.cluster.addNamespace('shop')
  })
  afterAll(() => tracker?.stop())

  async function collected(ran: string | undefined) {
    const job = await tracker.collect()
    expect(job.state, JSON.stringify(job.error)).toBe('completed')
    moments.push({ at: new Date().toISOString(), ran })
    await expectSound(tracker)
    for (const { at, ran: then } of moments) {
      const rows = await tracker.current(`&at=${at}`)
      expect(rows.map((row) => `${row.image_tag} ${row.image_sha}`)).toEqual(then === undefined ? [] : [then])
    }
    const [row] = await tracker.current()
    return row
  }
  const history = async () => (await tracker.history('shop/web/app')).json
  const endings = async () =>
    (await history()).releases.map(
      (each: { image_tag: string; ended: string }) => `${each.image_tag} ${each.ended}`,
    )
  const badge = () => tracker.badge('Deployment/web/app')
  const of = (tag: string) => `${tag} ${tracker.cluster.digestOf(image(tag))}`
  const compared = async () =>
    (await tracker.get('/api/releases/compare?left=acme/prod&right=acme/stage')).counts

  it('is not deployed before', async () => {
    await expect.poll(badge).toBe('prod: not deployed')
    expect((await tracker.history('shop/web/app')).status).toBe(404)
  })

  it('appears with its first pods', async () => {
    apply('1.0')
    tracker.cluster.settle('shop')
    const row = await collected(of('1.0'))
    expect(row).toMatchObject({
      namespace: 'shop',
      workload_name: 'web',
      workload_type: 'Deployment',
      container_name: 'app',
      image_repo: 'registry.example.org:5000/shop',
      image_name: 'web',
      image_tag: '1.0',
      image_sha: tracker.cluster.digestOf(image('1.0')),
      client_name: 'acme',
      env_name: 'prod',
      state: 'current',
      pods: 3,
    })
    await expect.poll(badge).toBe('prod: 1.0')
    expect(await compared()).toEqual({ same: 0, different: 0, only_left: 1, only_right: 0 })
    await tracker.put('shop/Deployment/web/app', {
      ...{ image_repo: 'registry.example.org:5000/shop', image_name: 'web', image_tag: '1.0' },
      ...{ image_sha: row.image_sha, client_name: 'acme', env_name: 'stage' },
    })
    expect(await compared()).toEqual({ same: 1, different: 0, only_left: 0, only_right: 0 })
  })

  it('keeps its interval when a collection sees the same image again', async () => {
    const [before] = await tracker.current()
    const row = await collected(of('1.0'))
    expect(row.first_seen).toBe(before.first_seen)
    expect(row.last_seen > before.last_seen).toBe(true)
    expect(await history()).toMatchObject({ total: 1, releases: [{ ended: null }] })
  })

  it('keeps its image while a rollout has fewer ready pods of the new one', async () => {
    apply('2.0')
    for (const pod of tracker.cluster.newPods('shop', 'web')) tracker.cluster.becomeReady(pod)
    const row = await collected(of('1.0'))
    expect(row).toMatchObject({ image_tag: '1.0', state: 'progressing', pods: 3 })
    expect(row.images).toEqual([
      { image_tag: '2.0', image_sha: tracker.cluster.digestOf(image('2.0')), pods: 1 },
      { image_tag: '1.0', image_sha: tracker.cluster.digestOf(image('1.0')), pods: 3 },
    ])
    await expect.poll(badge).toBe('prod: 1.0')
  })

  it('has the new image after the rollout; the old one was last seen before', async () => {
    tracker.cluster.settle('shop')
    const row = await collected(of('2.0'))
    expect(row).toMatchObject({ image_tag: '2.0', state: 'current', pods: 3 })
    expect(await endings()).toEqual(['2.0 null', '1.0 replaced'])
    const { releases } = await history()
    expect(releases[1].last_seen < releases[0].first_seen).toBe(true)
    await expect.poll(badge).toBe('prod: 2.0')
    expect(await compared()).toEqual({ same: 0, different: 1, only_left: 0, only_right: 0 })
  })

  it('shows a rollback as a third interval', async () => {
    apply('1.0')
    tracker.cluster.settle('shop')
    expect(await collected(of('1.0'))).toMatchObject({ image_tag: '1.0', state: 'current' })
    expect(await endings()).toEqual(['1.0 null', '2.0 rolled-back', '1.0 replaced'])
    await expect.poll(badge).toBe('prod: 1.0')
  })

  it('shows the same content under a new tag', async () => {
    tracker.cluster.setDigest(image('stable'), image('1.0'))
    apply('stable')
    tracker.cluster.settle('shop')
    expect(await collected(of('stable'))).toMatchObject({ image_tag: 'stable' })
    expect((await endings()).slice(0, 2)).toEqual(['stable null', '1.0 re-tagged'])
    await expect.poll(badge).toBe('prod: stable')
    const { different } = await tracker.get('/api/releases/compare?left=acme/prod&right=acme/stage')
    expect(different).toMatchObject([{ differs: ['image_tag'], left: { image_tag: 'stable' } }])
  })

  it('shows new content under the same tag', async () => {
    tracker.cluster.setDigest(image('stable'), 'other content')
    for (const pod of tracker.cluster.pods('Deployment', 'shop', 'web')) tracker.cluster.becomeReady(pod)
    expect(await collected(of('stable'))).toMatchObject({ image_tag: 'stable' })
    expect((await endings()).slice(0, 2)).toEqual(['stable null', 'stable replaced'])
  })

  it('keeps its last image when it is scaled to zero', async () => {
    tracker.cluster.scale('Deployment', 'shop', 'web', 0)
    const row = await collected(of('stable'))
    expect(row).toMatchObject({ image_tag: 'stable', state: 'scaled-to-zero', pods: 0 })
    await expect.poll(badge).toBe('prod: stable')
  })

  it('is not ended by a collection that may not read its namespace', async () => {
    const rule = { path: '/pods', answer: 'forbidden' as const, times: 1 }
    tracker.cluster.rules.push(rule)
    const job = await tracker.collect()
    expect(job).toMatchObject({ state: 'retrying' })
    expect(job.error.message).toContain('shop: pods: 403')
    expect(await tracker.run(job.id)).toMatchObject({ state: 'completed' })
    expect(await tracker.current()).toHaveLength(1)
  })

  it('leaves current when it is deleted, and stays in the history', async () => {
    tracker.cluster.delete('Deployment', 'shop', 'web')
    expect(await collected(undefined)).toBeUndefined()
    expect((await endings())[0]).toBe('stable removed')
    await expect.poll(badge).toBe('prod: not deployed')
    expect(await compared()).toEqual({ same: 0, different: 0, only_left: 0, only_right: 1 })
  })

  it('starts a new interval when it is deployed again', async () => {
    apply('3.0')
    tracker.cluster.settle('shop')
    await collected(of('3.0'))
    expect((await endings()).slice(0, 2)).toEqual(['3.0 null', 'stable removed'])
  })
})
