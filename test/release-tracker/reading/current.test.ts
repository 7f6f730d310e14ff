import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { recordReading } from '../../../src/release-tracker/collection/reading.ts'
import { createTestContext, type TestContext } from '../../helpers/context.ts'
import { secrets, sha, startTracker, type Tracker } from '../harness.ts'

describe('current, kept by namespace', () => {
  let tracker: Tracker
  let beside: TestContext
  beforeAll(async () => {
    tracker = await startTracker({ env: { MODE: 'standalone' } })
    beside = await createTestContext({ beside: tracker.ctx, env: { CLIENT_NAME: 'acme', ENV_NAME: 'prod' } })
  })
  afterAll(async () => {
    await beside?.dispose()
    await tracker?.stop()
  })

  const put = async (namespace: string, workload: string, tag: string, env_name = 'prod') => {
    const body = { image_tag: tag, image_sha: sha(tag), client_name: 'acme', env_name }
    expect((await tracker.put(`${namespace}/Deployment/${workload}/app`, body)).status).toBe(200)
  }
  const read = async (query = '', headers: Record<string, string> = {}) =>
    tracker.api.call(`/api/releases/current${query}`, { token: secrets.admin, headers })
  const tags = async (query = '') => {
    const { json } = await read(query)
    return json.ordered_namespaces.flatMap((each: string) =>
      json.namespaces[each].map(
        (row: Record<string, string>) => `${each}/${row.workload_name}:${row.image_tag}`,
      ),
    )
  }

  it('is the same from memory, at once after a write, and page by page', async () => {
    await put('shop', 'web', '1')
    await put('ops', 'agent', '1')
    const first = await read()
    expect(await tags()).toEqual(['ops/agent:1', 'shop/web:1'])
    const { timestamp: _, ...again } = (await read()).json
    expect(first.json).toMatchObject(again)
    const paged = (await read('?limit=100')).json
    expect(paged).toMatchObject({ namespaces: again.namespaces, total: 2, next_cursor: null })
    await put('shop', 'api', '2')
    expect(await tags()).toEqual(['ops/agent:1', 'shop/api:2', 'shop/web:1'])
  })

  it('answers 304 until something is written', async () => {
    const etag = (await read()).headers.get('etag') ?? ''
    expect(etag).toMatch(/^W\//)
    const again = await read('', { 'if-none-match': etag })
    expect([again.status, again.text]).toEqual([304, ''])
    await put('ops', 'agent', '2')
    expect((await read('', { 'if-none-match': etag })).status).toBe(200)
    expect((await read()).headers.get('etag')).not.toBe(etag)
  })

  it('shows what another process has written', async () => {
    await tags()
    await beside.db('tracker_components').where({ workload: 'web' }).update({ image_tag: 'elsewhere' })
    expect(await tags()).toContain('shop/web:elsewhere')
  })

  it('is one list where environments share a namespace’s name', async () => {
    await put('shop', 'b', '1', 'stage')
    expect(await tags()).toEqual(['ops/agent:2', 'shop/api:2', 'shop/b:1', 'shop/web:elsewhere'])
    expect(await tags('?env_name=stage')).toEqual(['shop/b:1'])
    expect(await tags('?env_name=none')).toEqual([])
  })

  it('has new times after each collection, while the version of an unchanged namespace stays', async () => {
    const { db, releaseTracker } = beside
    const collect = (at: string) =>
      db.transaction((trx) =>
        recordReading(trx, releaseTracker.context, [
          {
            namespace: 'pods',
            at: new Date(at),
            containers: ['a', 'b'].map((workload) => ({
              ...{
                group: '',
                kind: 'Deployment',
                workload,
                container: 'app',
                state: 'current',
                pods: 1,
                images: [],
              },
              ...{ image: { repo: 'docker.io', name: 'app', tag: '1', sha: sha('1') }, tentative: false },
              alternatives: [sha('1')],
            })),
          },
        ]),
      )
    const state = async () => {
      const whole = (await read()).json.namespaces.pods
      expect((await read('?limit=100')).json.namespaces.pods).toEqual(whole)
      const [scope] = await db('tracker_scopes').where({ namespace: 'pods' })
      const seen = whole.map(({ last_seen }: { last_seen: string }) => last_seen)
      return { seen, version: scope.version, etag: (await read()).headers.get('etag') }
    }
    await collect('2026-03-01T10:00:00.100Z')
    const first = await state()
    expect(first.seen).toEqual(['2026-03-01T10:00:00.100Z', '2026-03-01T10:00:00.100Z'])
    await collect('2026-03-01T10:05:00.000Z')
    const second = await state()
    expect(second.seen).toEqual(['2026-03-01T10:05:00.000Z', '2026-03-01T10:05:00.000Z'])
    expect(second.version).toBe(first.version)
    expect(second.etag).not.toBe(first.etag)
    // Seen by hand after its namespace was: the next collection may overtake that.
    await db('tracker_components').where({ workload: 'a' }).update({ last_seen: '2026-03-01T10:07:00Z' })
    expect((await state()).seen).toEqual(['2026-03-01T10:07:00.000Z', '2026-03-01T10:05:00.000Z'])
    await collect('2026-03-01T10:10:00.000Z')
    expect((await state()).seen).toEqual(['2026-03-01T10:10:00.000Z', '2026-03-01T10:10:00.000Z'])
  })

  it('tells the database of what the reader may ask for only, and keeps nothing of namespaces where nothing runs', async () => {
    const { db } = tracker.ctx
    await db('tracker_scopes').insert(
      Array.from({ length: 50 }, (_, n) => ({
        client_name: 'beta',
        env_name: 'prod',
        namespace: `empty-${n}`,
      })),
    )
    await put('shop', 'web', '9')
    await read()
    const told: number[] = []
    const note = ({ sql, bindings }: { sql: string; bindings: unknown[] }) => {
      if (sql.includes('unnest')) told.push((bindings.find(Array.isArray) as unknown[]).length)
    }
    db.on('query', note)
    await read('?client_name=beta')
    await read('?env_name=stage')
    await read()
    db.off('query', note)
    const [running] = await db('tracker_components')
      .whereNotNull('interval_id')
      .countDistinct('scope_id as n')
    expect(told).toEqual([0, 1, Number(running?.n)])
  })
})
