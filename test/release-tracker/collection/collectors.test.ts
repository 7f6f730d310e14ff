import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { secrets, sha, startTracker, type Tracker } from '../harness.ts'

describe('a collector belongs to one client', () => {
  let master: Tracker
  beforeAll(async () => {
    master = await startTracker({ env: { MODE: 'master' } })
  })
  afterAll(() => master?.stop())

  const item = (tag: string, seen: string) => ({
    ...{ namespace: 'shop', workload_kind: 'Deployment', workload_name: 'web', container_name: 'app' },
    ...{ image_repo: 'docker.io', image_name: 'app', image_tag: tag, image_sha: sha(tag) },
    ...{ first_seen: seen, last_seen: seen, collected: true },
  })
  const push = (token: string, body: object) =>
    master.call('/api/collect/batch', { json: { env_name: 'prod', items: [], ...body }, token })

  it('cannot be reset or continued by another client that knows its id', async () => {
    const collector_id = randomUUID()
    const [first, second] = [randomUUID(), randomUUID()]
    const acme = { collector_id, client_name: 'acme' }
    const at = new Date(Date.now() - 60_000).toISOString()
    const full = { run_id: first, sequence: 1, since: null, items: [item('1', at)] }
    expect((await push(secrets.acme, { ...acme, ...full })).json).toMatchObject({ acknowledged: 1 })

    // Its own client's name, the other's collector.
    const foreign = { collector_id, client_name: 'other' }
    const following = await push(secrets.other, { ...foreign, run_id: second, sequence: 2, since: 1 })
    expect(following).toMatchObject({ status: 409, json: { error: { details: { acknowledged: null } } } })
    const taken = await push(secrets.other, { ...foreign, run_id: second, sequence: 7, since: null })
    expect(taken.json).toMatchObject({ acknowledged: 7 })
    expect((await push(secrets.other, { ...acme, run_id: second, sequence: 7, since: null })).status).toBe(
      403,
    )

    // The collector goes on as if nothing had been.
    const next = { run_id: second, sequence: 2, since: 1, items: [item('2', new Date().toISOString())] }
    const answer = await push(secrets.acme, { ...acme, ...next })
    expect(answer.json).toMatchObject({ acknowledged: 2, results: [{ status: 'stored' }] })
    const rows = await master.ctx.db('tracker_collectors').orderBy('client_name')
    expect(rows.map((row) => [row.client_name, Number(row.sequence)])).toEqual([
      ['acme', 2],
      ['other', 7],
    ])
  })
})
