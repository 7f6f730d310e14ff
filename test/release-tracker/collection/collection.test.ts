import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { readEvents } from '../../../src/platform/events/index.ts'
import { expectSound, secrets, sha, startTracker, type Tracker } from '../harness.ts'

describe('a collection', () => {
  let tracker: Tracker
  let count = 0
  let name = ''
  beforeAll(async () => {
    tracker = await startTracker({ cluster: true, env: { NAMESPACES: '*' } })
    for (const namespace of ['shop', 'closed']) tracker.cluster.addNamespace(namespace)
    tracker.cluster.apply('Deployment', 'closed', 'hidden', { containers: [app('1')] })
    tracker.cluster.settle('closed')
  })
  afterAll(async () => {
    if (tracker !== undefined) await expectSound(tracker)
    await tracker?.stop()
  })
  beforeEach(() => {
    count++
    name = `app-${count}`
    tracker.cluster.rules.length = 0
  })

  const app = (tag: string, container = 'app') => ({
    name: container,
    image: `r.example.org/${container}:${tag}`,
  })
  const deploy = (tag: string, replicas = 1) => {
    tracker.cluster.apply('Deployment', 'shop', name, { replicas, containers: [app(tag)] })
  }
  async function collect() {
    const job = await tracker.collect()
    expect(job.state, JSON.stringify(job.error)).toBe('completed')
    return job
  }
  const row = async () => (await tracker.current()).find(({ workload_name }) => workload_name === name)
  const endings = async () => {
    const { status, json } = await tracker.history(`shop/${name}/app`)
    if (status === 404) return []
    return json.releases.map(
      (each: { image_tag: string; ended: string }) => `${each.image_tag} ${each.ended}`,
    )
  }

  it('returns its job, and the same job to requests while it is open', async () => {
    const first = await tracker.call('/api/collect', { method: 'POST' })
    const again = await tracker.call('/api/collect', { method: 'POST', token: secrets.acme })
    expect(first.status).toBe(202)
    expect(first.json).toMatchObject({
      ...{ status: 'accepted', message: 'Collection process started successfully' },
      events: `/jobs/${first.json.jobId}/events`,
    })
    expect(again.json.jobId).toBe(first.json.jobId)
    const both = await Promise.all([1, 2, 3, 4].map(() => tracker.call('/api/collect', { method: 'POST' })))
    expect(new Set(both.map(({ json }) => json.jobId))).toEqual(new Set([first.json.jobId]))
    await tracker.run(first.json.jobId)
    const next = await tracker.call('/api/collect', { method: 'POST' })
    expect(next.json.jobId).not.toBe(first.json.jobId)
    await tracker.run(next.json.jobId)
  })

  it('reports how many namespaces of the total it has read', async () => {
    const { id } = await collect()
    const events = await readEvents(tracker.ctx.db, `job:${id}`, { after: 0, limit: 100 })
    const progress = events
      .filter(({ type }) => type === 'progress')
      .map(({ data }) => data as { namespaces: object })
    expect(progress[0]).toMatchObject({ namespaces: { total: 2 } })
    expect(progress.at(-1)).toMatchObject({
      namespaces: { done: 2, total: 2 },
      failed: [],
      result: { removed: 0 },
    })
    expect(events.at(-1)?.type).toBe('end')
  })

  it('lists a namespace that could not be read, leaves it unchanged, and records the others', async () => {
    deploy('1')
    tracker.cluster.settle('shop')
    tracker.cluster.delete('Deployment', 'closed', 'hidden')
    tracker.cluster.rules.push({ path: 'namespaces/closed/statefulsets', answer: 'forbidden' })
    const { progress } = await collect()
    expect(progress.failed).toEqual([{ namespace: 'closed', reason: 'statefulsets: 403, not permitted' }])
    expect(await row()).toMatchObject({ image_tag: '1' })
    expect((await tracker.current()).map(({ workload_name }) => workload_name)).toContain('hidden')
    tracker.cluster.rules.length = 0
    await collect()
    expect((await tracker.current()).map(({ workload_name }) => workload_name)).not.toContain('hidden')
  })

  it('fails with the reason after the last attempt if no namespace can be read', async () => {
    tracker.cluster.rules.push({ path: '/api/v1/namespaces', answer: 'forbidden' })
    const { json } = await tracker.call('/api/collect', { method: 'POST' })
    const before = await tracker.current()
    for (const state of ['retrying', 'retrying', 'failed'])
      expect(await tracker.run(json.jobId)).toMatchObject({ state })
    const job = await tracker.get(`/jobs/${json.jobId}`)
    expect(job.error).toEqual({
      code: 'STATE_003',
      message: 'The cluster could not be read: namespaces: 403, not permitted',
    })
    expect((await tracker.current()).length).toBe(before.length)
  })

  it('keeps the last image while its pods restart, and records one that never became ready', async () => {
    deploy('1')
    for (const pod of tracker.cluster.newPods('shop', name)) tracker.cluster.fail(pod, 'CrashLoopBackOff')
    await collect()
    expect(await row()).toMatchObject({ image_tag: '1', state: 'degraded', pods: 0 })
    for (const pod of tracker.cluster.newPods('shop', name)) tracker.cluster.becomeReady(pod)
    await collect()
    expect(await row()).toMatchObject({ image_tag: '1', state: 'current', pods: 1 })
    for (const pod of tracker.cluster.newPods('shop', name)) tracker.cluster.restart(pod)
    await collect()
    expect(await row()).toMatchObject({ image_tag: '1', state: 'progressing', pods: 0 })
    expect(await endings()).toEqual(['1 null'])
  })

  it('does not record the image of a template whose pods never became ready', async () => {
    deploy('1', 2)
    tracker.cluster.settle('shop')
    await collect()
    deploy('2', 2)
    for (const pod of tracker.cluster.newPods('shop', name)) tracker.cluster.fail(pod, 'CrashLoopBackOff')
    await collect()
    expect(await row()).toMatchObject({ image_tag: '1', state: 'degraded', pods: 2 })
    expect(await endings()).toEqual(['1 null'])
    deploy('1', 2)
    tracker.cluster.settle('shop')
    await collect()
    expect(await row()).toMatchObject({ image_tag: '1', state: 'current' })
    expect(await endings()).toEqual(['1 null'])
  })

  it('does not record the digest of another architecture as a release', async () => {
    tracker.cluster.apply('DaemonSet', 'shop', name, { replicas: 3, containers: [app('1')] })
    const pods = tracker.cluster.pods('DaemonSet', 'shop', name)
    const on = (...nodes: string[]) => {
      for (const [n, pod] of pods.entries()) tracker.cluster.becomeReady(pod, nodes[n])
    }
    on('amd64', 'amd64', 'arm64')
    await collect()
    const { image_sha: first } = await row()
    on('arm64', 'amd64', 'arm64')
    await collect()
    expect((await row()).image_sha).toBe(first)
    expect((await row()).images).toMatchObject([{ image_sha: first, pods: 3 }])
    expect(await endings()).toEqual(['1 null'])
  })

  it('ends a container that left its workload, and a namespace that is gone', async () => {
    tracker.cluster.addNamespace(`${name}-ns`)
    tracker.cluster.apply('Deployment', `${name}-ns`, name, { containers: [app('1'), app('1', 'side')] })
    tracker.cluster.settle(`${name}-ns`)
    await collect()
    const containers = async () =>
      (await tracker.current())
        .filter(({ workload_name }) => workload_name === name)
        .map((each) => each.container_name)
    expect(await containers()).toEqual(['app', 'side'])
    tracker.cluster.apply('Deployment', `${name}-ns`, name, { containers: [app('1')] })
    tracker.cluster.settle(`${name}-ns`)
    await collect()
    expect(await containers()).toEqual(['app'])
    tracker.cluster.deleteNamespace(`${name}-ns`)
    await collect()
    expect(await containers()).toEqual([])
  })

  it('does not end releases that only people recorded, and adopts those that it sees', async () => {
    const put = (tag: string, path: string) => tracker.put(path, { image_tag: tag, image_sha: sha(tag) })
    await put('by-hand', `shop/Deployment/${name}/app`)
    await collect()
    expect(await row()).toMatchObject({ image_tag: 'by-hand', state: 'current', pods: null })
    deploy('1')
    tracker.cluster.settle('shop')
    await collect()
    expect(await endings()).toEqual(['1 null', 'by-hand replaced'])
    await put('by-hand', `shop/Deployment/${name}/app`)
    expect((await row()).image_tag).toBe('by-hand')
    await collect()
    expect(await endings()).toEqual(['1 null', 'by-hand rolled-back', '1 rolled-back', 'by-hand replaced'])
    await put('by-hand', `shop/Deployment/${name}/app`)
    tracker.cluster.delete('Deployment', 'shop', name)
    await collect()
    expect((await endings())[0]).toBe('by-hand removed')
  })

  it('changes nothing if a later collection was recorded first', async () => {
    deploy('1')
    tracker.cluster.settle('shop')
    const { recordReading } = await import('../../../src/release-tracker/collection/reading.ts')
    const { context } = tracker.ctx.releaseTracker
    const early = { namespace: 'shop', at: new Date(), containers: [] }
    await collect()
    const result = await tracker.ctx.db.transaction((trx) => recordReading(trx, context, [early]))
    expect(result).toEqual({ changed: 0, removed: 0 })
    expect(await row()).toMatchObject({ image_tag: '1' })
  })

  it('runs by its schedule, and answers 503 without a cluster', async () => {
    const { schedules } = tracker.ctx.releaseTracker
    expect(schedules.collect).toEqual({ everyMs: 3_600_000, subject: 'tracker:collect' })
    expect([schedules.pingMaster, schedules.checkPings]).toEqual([undefined, undefined])
  })
})
