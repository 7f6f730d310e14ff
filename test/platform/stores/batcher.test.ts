import { describe, expect, it } from 'vitest'
import { createBatcher } from '../../../src/platform/batcher.ts'
import { pause, within } from '../../../src/platform/deadline.ts'
import { gate } from '../jobs/job-harness.ts'

describe('a batcher', () => {
  it('gives each call its own result and shares a flush among the calls of a burst', async () => {
    const batches: number[][] = []
    const batcher = createBatcher<number, number>(async (items) => {
      batches.push(items)
      return items.map((item) => item * 10)
    })
    expect(await Promise.all([1, 2, 3].map((item) => batcher.add(item)))).toEqual([10, 20, 30])
    expect(await batcher.add(4)).toBe(40)
    expect(batches).toEqual([[1, 2, 3], [4]])
  })

  it('runs one flush at a time; calls made meanwhile form the next one', async () => {
    const hold = gate()
    const batches: number[][] = []
    const batcher = createBatcher<number, number>(async (items) => {
      batches.push(items)
      if (batches.length === 1) await hold.promise
      return items
    })
    const first = batcher.add(0)
    await new Promise((resolve) => setImmediate(resolve))
    const rest = [1, 2, 3].map((item) => batcher.add(item))
    expect(batches).toEqual([[0]])
    hold.resolve()
    expect(await Promise.all([first, ...rest])).toEqual([0, 1, 2, 3])
    expect(batches).toEqual([[0], [1, 2, 3]])
  })

  it('fails only the calls whose own flush fails', async () => {
    let fails = true
    const batcher = createBatcher<number, number>(async (items) => {
      if (fails) throw new Error('away')
      return items
    })
    await expect(batcher.add(1)).rejects.toThrow('away')
    fails = false
    expect(await batcher.add(2)).toBe(2)
  })

  it('is idle once all items have been flushed', async () => {
    const done: number[] = []
    const batcher = createBatcher<number, undefined>(async (items) => {
      done.push(...items)
      return items.map(() => undefined)
    })
    await batcher.idle()
    for (const item of [1, 2, 3]) void batcher.add(item)
    await batcher.idle()
    expect(done).toEqual([1, 2, 3])
  })
})

describe('deadlines', () => {
  it('pass on a result in time and reject a late one', async () => {
    expect(await within(1000, Promise.resolve(1), 'it')).toBe(1)
    await expect(within(1, gate<never>().promise, 'the store')).rejects.toThrow(
      'the store did not answer within 1 ms',
    )
    await expect(within(1000, Promise.reject(new Error('no')), 'it')).rejects.toThrow('no')
  })

  it('reject a pause with the reason of its signal', async () => {
    await pause(1)
    const reason = new Error('stopped')
    const ending = new AbortController()
    const pausing = pause(60_000, ending.signal)
    ending.abort(reason)
    await expect(pausing).rejects.toBe(reason)
    await expect(pause(60_000, AbortSignal.abort(reason))).rejects.toBe(reason)
  })
})
