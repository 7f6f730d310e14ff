import type { Knex } from 'knex'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseImagePattern } from '../../../src/release-tracker/image-reference.ts'
import { presentOf } from '../../../src/release-tracker/store/releases.ts'
import {
  type ImageFilter,
  wherePresent,
  whereRan,
} from '../../../src/release-tracker/store/search/image-filter.ts'
import { image } from '../collection/cluster-reader.ts'
import { digestFor } from '../collection/fake-cluster.ts'
import { secrets, sha, startTracker, type Tracker } from '../harness.ts'

const at = (hour: number) => new Date(Date.UTC(2026, 0, 1, hour)).toISOString()

describe('a search across clients', () => {
  let tracker: Tracker
  beforeAll(async () => {
    tracker = await startTracker({ env: { MODE: 'master' } })
    const put = async (
      client: string,
      path: string,
      tag: string,
      given: { hour: number; repo?: string; name?: string },
    ) => {
      const { hour, repo = 'registry.example.org/team', name = 'app' } = given
      const body = {
        ...{
          client_name: client,
          env_name: 'prod',
          image_tag: tag,
          image_sha: sha(tag),
          released_at: at(hour),
        },
        ...{ image_repo: repo, image_name: name },
      }
      const answer = await tracker.put(path, body)
      expect(answer.status, answer.text).toBe(200)
    }
    await put('acme', 'shop/Deployment/web/app', 'bad', { hour: 1 })
    await put('acme', 'shop/Deployment/web/app', 'good', { hour: 3 })
    await put('acme', 'ops/Deployment/agent/app', 'bad', { hour: 2 })
    await put('other', 'shop/Deployment/api/app', 'bad', { hour: 4 })
    await put('other', 'shop/Deployment/db/app', '16', { hour: 5, repo: 'docker.io', name: 'postgres' })
    await put('other', 'tools/Deployment/shop-app/app', '16', { hour: 6, name: 'other-app' })
  })
  afterAll(() => tracker?.stop())

  type Row = Record<string, string>
  const placesOf = (rows: Row[]) =>
    rows.map((row) => `${row.client_name} ${row.namespace}/${row.workload_name} ${row.image_tag}`)
  async function current(query: string, token = secrets.admin) {
    const body = await tracker.get(`/api/releases/current?${query}`, { token })
    const rows: Row[] = body.ordered_namespaces.flatMap((each: string) => body.namespaces[each])
    expect(body.total).toBeGreaterThanOrEqual(rows.length)
    return placesOf(rows)
  }
  async function history(query: string, token = secrets.admin) {
    const body = await tracker.get(`/api/releases/history?${query}`, { token })
    expect(body.total).toBeGreaterThanOrEqual(body.releases.length)
    return placesOf(body.releases)
  }

  it.each([
    [`digest=${sha('bad')}`, ['acme ops/agent bad', 'other shop/api bad']],
    [`digest=${sha('bad').slice('sha256:'.length)}`, ['acme ops/agent bad', 'other shop/api bad']],
    ['tag=16', ['other shop/db 16', 'other tools/shop-app 16']],
    ['image=postgres', ['other shop/db 16']],
    ['image=docker.io/library/postgres', ['other shop/db 16']],
    ['image=library/postgres:16', ['other shop/db 16']],
    ['image=postgres:17', []],
    ['image=app', ['acme ops/agent bad', 'other shop/api bad', 'acme shop/web good']],
    ['image=team/app&tag=good', ['acme shop/web good']],
    ['image=registry.example.org/team/app:good', ['acme shop/web good']],
    ['image=elsewhere.example.org/team/app', []],
    [`image=team/app@${sha('good')}`, ['acme shop/web good']],
    ['namespace=tools', ['other tools/shop-app 16']],
    ['namespace=shop&tag=bad', ['other shop/api bad']],
    ['tag=bad&client_name=acme', ['acme ops/agent bad']],
    ['tag=bad&env_name=staging', []],
  ])('finds what runs: %s', async (query, places) => {
    expect(await current(query)).toEqual(places)
  })

  it('finds what ran at a moment', async () => {
    expect(await current(`digest=${sha('bad')}&at=${at(2)}`)).toEqual([
      'acme ops/agent bad',
      'acme shop/web bad',
    ])
    expect(await current(`tag=good&at=${at(2)}`)).toEqual([])
  })

  it('finds what ever ran, the newest first, in pages', async () => {
    const all = ['other shop/api bad', 'acme ops/agent bad', 'acme shop/web bad']
    expect(await history(`digest=${sha('bad')}`)).toEqual(all)
    expect(await history('image=team/app&tag=bad&client_name=acme')).toEqual(all.slice(1))
    const first = await tracker.get('/api/releases/history?tag=bad&limit=2')
    expect(first).toMatchObject({ total: 3, next_cursor: expect.any(String) })
    const rest = await tracker.get(`/api/releases/history?tag=bad&limit=2&cursor=${first.next_cursor}`)
    expect(placesOf([...first.releases, ...rest.releases])).toEqual(all)
    expect(rest.next_cursor).toBeNull()
    expect(rest.releases[0]).toMatchObject({
      workload_kind: 'Deployment',
      ended: 'replaced',
      container_name: 'app',
    })
  })

  it('narrows the history of one container, and tells no match from no container', async () => {
    const { json } = await tracker.history('shop/web/app', '?tag=bad')
    expect(json).toMatchObject({ total: 1, releases: [{ image_tag: 'bad' }] })
    expect((await tracker.history('shop/web/app', '?tag=none')).json).toMatchObject({
      total: 0,
      releases: [],
    })
    expect((await tracker.history('shop/nothing/app', '?tag=bad')).status).toBe(404)
  })

  it.each(['acme', 'reader'] as const)('shows a key its own client only: %s', async (key) => {
    const token = secrets[key]
    expect(await current('tag=bad', token)).toEqual(['acme ops/agent bad'])
    expect(await current('tag=16', token)).toEqual([])
    expect(await history('tag=bad', token)).toEqual(['acme ops/agent bad', 'acme shop/web bad'])
    for (const path of ['current', 'history']) {
      const of = await tracker.call(`/api/releases/${path}?tag=bad&client_name=other`, { token })
      expect(of.status).toBe(403)
    }
    const { text } = await tracker.call(`/api/releases/history?tag=bad&format=csv`, { token })
    expect(text).not.toContain('other')
  })

  it('comes as a table', async () => {
    const lines = async (path: string) => (await tracker.call(path)).text.trim().split('\r\n')
    expect(await lines('/api/releases/current?tag=16&format=csv')).toHaveLength(3)
    const [head, first] = await lines('/api/releases/history?tag=bad&format=csv')
    expect(head).toBe(
      'client_name,env_name,namespace,workload_name,container_name,workload_kind,image_repo,image_name,image_tag,' +
        'image_sha,first_seen,last_seen,ended,ended_at',
    )
    expect(first).toMatch(/^other,prod,shop,api,app,Deployment,registry\.example\.org\/team,app,bad,sha256:/)
  })

  it.each([
    ['current', 'digest=nonsense', 'digest'],
    ['current', 'tag=-', 'tag'],
    ['current', 'tag=', 'tag'],
    ['current', 'image=UPPER/Case', 'image'],
    ['current', `image=${sha('bad')}`, 'image'],
    ['current', 'image=', 'image'],
    ['current', 'image=a%00b', 'image'],
    ['current', 'namespace=Not_One', 'namespace'],
    ['current', 'tag=a&tag=b', 'tag'],
    ['current', 'image=app:1&tag=2', 'tag'],
    ['history', 'digest=sha256:12', 'digest'],
    ['history', 'tag=a&cursor=nonsense', 'cursor'],
    ['history', '', 'digest'],
    ['history', 'client_name=acme', 'namespace'],
  ])('names the field that is wrong: %s?%s', async (path, query, field) => {
    const { status, json } = await tracker.call(`/api/releases/${path}?${query}`)
    expect(status).toBe(400)
    expect(json.error.details.fields.map((each: { path: string }) => each.path)).toContain(field)
  })

  it('still needs a client and an environment without a search', async () => {
    expect((await tracker.call('/api/releases/current')).status).toBe(400)
    expect((await tracker.call('/api/releases/current?client_name=acme')).status).toBe(400)
  })

  it('uses indexes where much is recorded', async () => {
    const { db } = tracker.ctx
    await db.raw(`insert into tracker_components (scope_id, kind, workload, container)
      select (select min(id) from tracker_scopes), 'Deployment', 'many-' || n, 'app' from generate_series(1, 20000) n`)
    await db.raw(`insert into tracker_intervals (component_id, image_repo, image_name, image_tag, image_sha, first_seen, last_seen)
      select id, 'r', 'many-' || id, 'tag-' || id, 'sha256:' || lpad(id::text, 64, '0'), now(), now()
      from tracker_components where interval_id is null`)
    await db.raw(`update tracker_components c set interval_id = i.id, image_repo = i.image_repo, image_name = i.image_name,
      image_tag = i.image_tag, image_sha = i.image_sha, first_seen = i.first_seen, last_seen = i.last_seen,
      images = jsonb_build_array(jsonb_build_object('image_tag', i.image_tag, 'image_sha', i.image_sha, 'pods', 1))
      from tracker_intervals i where i.component_id = c.id and c.interval_id is null`)
    await db.raw('analyze tracker_components, tracker_intervals, tracker_scopes')
    const planOf = async (query: Knex.QueryBuilder) => {
      const { rows } = await db.raw(`explain ${query.toQuery()}`)
      return rows.map((row: Record<string, string>) => row['QUERY PLAN']).join('\n')
    }
    for (const [filter, index] of [
      [{ digest: sha('bad') }, 'sha'],
      [{ tag: 'bad' }, 'tag'],
      [{ image: parseImagePattern('team/app') }, 'image'],
    ] satisfies [ImageFilter, string][]) {
      const present = presentOf(db)
      wherePresent(present, filter)
      const now = await planOf(present)
      expect(now).toContain(`tracker_components_${index}`)
      if (index !== 'image') expect(now).toContain('tracker_components_live')
      const intervals = db('tracker_intervals as i')
      whereRan(intervals, filter)
      expect(await planOf(intervals)).toContain(`tracker_intervals_${index}`)
    }
  })
})

describe('a search in a cluster', () => {
  it('finds what runs beside the image of a row: during a rollout, and on other architectures', async () => {
    const tracker = await startTracker({ cluster: true, env: { NAMESPACES: 'shop' } })
    try {
      const { cluster } = tracker
      cluster.addNamespace('shop')
      cluster.apply('Deployment', 'shop', 'web', { replicas: 3, containers: [image('1')] })
      cluster.settle('shop')
      cluster.apply('Deployment', 'shop', 'web', { replicas: 3, containers: [image('2')] })
      for (const pod of cluster.newPods('shop', 'web')) cluster.becomeReady(pod)
      cluster.apply('DaemonSet', 'shop', 'agent', { replicas: 3, containers: [image('7', 'agent')] })
      const agents = cluster.pods('DaemonSet', 'shop', 'agent')
      for (const [n, pod] of agents.entries()) cluster.becomeReady(pod, n === 0 ? 'arm64' : 'amd64')
      expect((await tracker.collect()).state).toBe('completed')
      const found = async (query: string) => (await tracker.get(`/api/releases/current?${query}`)).total
      expect(await found(`digest=${digestFor(image('2').image)}`)).toBe(1)
      expect(await found('tag=2')).toBe(1)
      expect(await found(`tag=2&digest=${digestFor(image('1').image)}`)).toBe(0)
      for (const pod of agents) {
        const [, digest] = pod.status.containerStatuses[0].imageID.split('@')
        expect(await found(`digest=${digest}`)).toBe(1)
      }
    } finally {
      await tracker.stop()
    }
  })
})
