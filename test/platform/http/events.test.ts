import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  appendEvents,
  createEventHub,
  readEvents,
  type StoredEvent,
  streamHead,
} from '../../../src/platform/events/index.ts'
import { createTestContext, silent, type TestContext } from '../../helpers/context.ts'
import { until } from '../../helpers/until.ts'

describe('events', () => {
  let ctx: TestContext
  beforeAll(async () => {
    ctx = await createTestContext()
    await ctx.listener.start()
  })
  afterAll(() => ctx?.dispose())

  const append = (stream: string, ...types: string[]) =>
    appendEvents(
      ctx.db,
      types.map((type, n) => ({ stream, type, data: { n } })),
    )
  const numbers = (events: StoredEvent[]) => events.map((event) => event.seq)
  const upTo = (last: number, from = 1) => Array.from({ length: last - from + 1 }, (_, n) => from + n)

  /** Everything that a subscriber gets, in order. */
  function collect(stream: string, after = 0) {
    const got: number[] = []
    const sink = (events: StoredEvent[]) => {
      got.push(...numbers(events))
      return true
    }
    return { got, leave: ctx.hub.subscribe(stream, { after, sink, end: () => undefined }) }
  }

  it('numbers events without gaps under concurrent writers that use streams in opposite order', async () => {
    const streams = ['crossed:a', 'crossed:b', 'crossed:c']
    const writers = 8
    const rounds = 12
    let writing = true
    const reader = (async () => {
      // Whatever is visible begins at 1 and has no gap, at every moment.
      while (writing) {
        for (const stream of streams) {
          const seen = numbers(await readEvents(ctx.db, stream, { after: 0, limit: 10_000 }))
          expect(seen).toEqual(upTo(seen.length))
        }
      }
    })()
    const write = async (writer: number) => {
      for (let round = 0; round < rounds; round++) {
        const order = (writer + round) % 2 === 0 ? streams : streams.toReversed()
        await ctx.db.transaction(async (trx) => {
          const events = order.map((stream) => ({ stream, type: 'message', data: { writer, round } }))
          await appendEvents(trx, events)
          await trx.raw('select pg_sleep(0.001)')
        })
      }
    }
    await Promise.all(Array.from({ length: writers }, (_, writer) => write(writer)))
    writing = false
    await reader
    for (const stream of streams) {
      const all = await readEvents(ctx.db, stream, { after: 0, limit: 10_000 })
      expect(numbers(all)).toEqual(upTo(writers * rounds))
    }
  })

  it('keeps the order of one call’s events, and reuses numbers of a transaction that was rolled back', async () => {
    await append('ordered', 'one', 'two', 'three')
    const undone = ctx.db.transaction(async (trx) => {
      await appendEvents(trx, [{ stream: 'ordered', type: 'undone', data: null }])
      throw new Error('no')
    })
    await expect(undone).rejects.toThrow('no')
    await append('ordered', 'four')
    const events = await readEvents(ctx.db, 'ordered', { after: 0, limit: 10 })
    expect(events.map(({ seq, type }) => [seq, type])).toEqual([
      [1, 'one'],
      [2, 'two'],
      [3, 'three'],
      [4, 'four'],
    ])
  })

  it('reads a stream’s head; an end event followed by more is not an end', async () => {
    expect(await streamHead(ctx.db, 'head')).toBeUndefined()
    await append('head', 'message', 'end')
    expect(await streamHead(ctx.db, 'head')).toEqual({ seq: 2, ended: true })
    await append('head', 'state')
    expect(await streamHead(ctx.db, 'head')).toEqual({ seq: 3, ended: false })
  })

  it('wakes the readers of many streams with one call', async () => {
    const streams = upTo(60).map((n) => `many:${n}`)
    const readers = streams.map((stream) => collect(stream))
    await appendEvents(
      ctx.db,
      streams.map((stream) => ({ stream, type: 'message', data: {} })),
    )
    await until(() => readers.every(({ got }) => got.length === 1))
    for (const { leave } of readers) leave()
  })

  it('gives each number once and in order to readers that join at any time', async () => {
    const total = 1300
    const batch = Array.from({ length: 50 }, () => 'message')
    await append('live', ...batch)
    const readers = [collect('live'), collect('live', 20)]
    for (let written = 50; written < total; written += 50) {
      if (written % 300 === 0) readers.push(collect('live'), collect('live', written - 7))
      await append('live', ...batch)
    }
    readers.push(collect('live'))
    await until(() => readers.every(({ got }) => got.at(-1) === total))
    for (const { got } of readers) expect(got).toEqual(upTo(total, got[0]))
    expect(readers.map(({ got }) => got[0])).toEqual([1, 21, 1, 294, 1, 594, 1, 894, 1, 1194, 1])
    for (const { leave } of readers) leave()
  })

  it('does not give a reader that joins further back the page read for another', async () => {
    await append('joining', ...Array.from({ length: 8 }, () => 'message'))
    const blocker = await ctx.db.transaction()
    await blocker.raw('lock table events in access exclusive mode')
    const ahead = collect('joining', 5)
    await until(async () => {
      const { rows } = await blocker.raw(`select 1 from pg_locks join pg_database d on d.oid = database
         where not granted and datname = current_database()`)
      return rows.length === 1
    })
    const behind = collect('joining')
    await blocker.rollback()
    await until(() => ahead.got.length === 3 && behind.got.length === 8)
    expect(behind.got).toEqual(upTo(8))
    expect(ahead.got).toEqual([6, 7, 8])
    ahead.leave()
    behind.leave()
  })

  it('drops a reader that refuses an event, and continues with the others', async () => {
    const other = collect('dropping')
    const got: number[] = []
    const sink = (events: StoredEvent[]) => {
      got.push(...numbers(events))
      return false
    }
    ctx.hub.subscribe('dropping', { after: 0, sink, end: () => undefined })
    await append('dropping', 'message')
    await until(() => other.got.length === 1)
    await append('dropping', 'message')
    await until(() => other.got.length === 2)
    expect(got).toEqual([1])
    other.leave()
  })

  it('loses no event while the listening connection is interrupted', async () => {
    const { got, leave } = collect('reconnecting')
    await append('reconnecting', 'message')
    await until(() => got.length === 1)
    const { rows } = await ctx.db.raw(
      `select pg_terminate_backend(pid) as ended from pg_stat_activity
       where datname = current_database() and application_name = 'capstan-listener'`,
    )
    expect(rows).toEqual([{ ended: true }])
    // Nobody listens now: this notification reaches no one.
    await append('reconnecting', 'message', 'message')
    await until(() => got.length === 3)
    await append('reconnecting', 'message')
    await until(() => got.length === 4)
    expect(got).toEqual([1, 2, 3, 4])
    leave()
  })

  it('reads again after a database error without a notification', async () => {
    let faults = 1
    const flaky = new Proxy(ctx.db, {
      apply(target, self, args) {
        if (args[0] === 'events' && faults-- > 0) throw new Error('away')
        return Reflect.apply(target, self, args)
      },
    })
    await append('flaky', 'message')
    const quiet = { on: () => undefined, onConnect: () => undefined }
    const hub = createEventHub(flaky, { ...ctx.listener, ...quiet }, silent)
    const got: number[] = []
    const sink = (events: StoredEvent[]) => {
      got.push(...numbers(events))
      return true
    }
    const leave = hub.subscribe('flaky', { after: 0, sink, end: () => undefined })
    await until(() => got.length === 1)
    leave()
  })
})
