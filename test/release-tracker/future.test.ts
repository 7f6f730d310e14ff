import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { statusByAge } from '../../src/release-tracker/push/ping.ts'
import { expectSound, startTracker, type Tracker } from './harness.ts'

describe('releases that a clock which was ahead has recorded', () => {
  let tracker: Tracker
  beforeAll(async () => {
    tracker = await startTracker({ cluster: true, env: { NAMESPACES: 'shop' } })
  })
  afterAll(() => tracker?.stop())

  const deploy = async (tag: string) => {
    tracker.cluster.apply('Deployment', 'shop', 'web', {
      containers: [{ name: 'app', image: `r.example.org/app:${tag}` }],
    })
    tracker.cluster.settle('shop')
    expect((await tracker.collect()).state).toBe('completed')
  }
  const ahead = () =>
    tracker.ctx.db.raw(`
      update tracker_intervals set first_seen = first_seen + interval '2 hours', last_seen = last_seen + interval '2 hours'
        where ended is null;
      update tracker_intervals set last_seen = last_seen + interval '1 hour' where ended is not null;
      update tracker_components c set first_seen = i.first_seen, last_seen = i.last_seen
        from tracker_intervals i where i.id = c.interval_id;
      update tracker_scopes set last_seen = last_seen + interval '2 hours'`)

  it('do not prevent the next collection from being recorded', async () => {
    await deploy('1')
    await deploy('2')
    await ahead()
    await deploy('3')
    expect(await tracker.current()).toMatchObject([{ image_tag: '3' }])
    await expectSound(tracker)
    const rows = await tracker.ctx.db('tracker_intervals').orderBy('first_seen')
    expect(rows.map(({ image_tag, ended }) => `${image_tag} ${ended}`)).toEqual([
      '1 replaced',
      '2 replaced',
      '3 null',
    ])
    const { rows: future } = await tracker.ctx.db.raw(
      'select 1 from tracker_intervals where greatest(first_seen, last_seen, ended_at) > now()',
    )
    expect(future).toEqual([])
  })
})

describe('a ping', () => {
  it('recorded slightly in the future is online, and far in the future offline', () => {
    const now = new Date('2026-01-01T12:00:00Z')
    const at = (minutes: number) => new Date(now.getTime() + minutes * 60_000)
    expect(statusByAge(at(-9), now)).toBe('online')
    expect(statusByAge(at(0.5), now)).toBe('online')
    expect(statusByAge(at(120), now)).toBe('offline')
  })
})
