import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { percentage, ratio } from '../../src/orchestrators/statistics/rounding.ts'

const year = 31_536_000

describe('a share that is shown', () => {
  it.each([
    [year - 1, year, 99.99],
    [year - 60, year, 99.99],
    [1, year, 0.01],
    [0, year, 0],
    [year, year, 100],
    [1439, 1440, 99.93],
    [1, 3, 33.33],
  ])('of %i in %i is %f per cent', (part, whole, expected) => {
    expect(percentage(part, whole)).toBe(expected)
  })

  it('is full or nothing only when it is exactly that', () => {
    const shares = fc
      .integer({ min: 1, max: 10 * year })
      .chain((whole) => fc.record({ whole: fc.constant(whole), part: fc.integer({ min: 0, max: whole }) }))
    fc.assert(
      fc.property(shares, ({ part, whole }) => {
        expect(percentage(part, whole) === 100).toBe(part === whole)
        expect(percentage(part, whole) === 0).toBe(part === 0)
        expect(ratio(part, whole, 4) === 1).toBe(part === whole)
        expect(ratio(part, whole, 4) === 0).toBe(part === 0)
      }),
    )
  })

  it('of nothing is unknown, and more than all is all', () => {
    expect([percentage(0, 0), ratio(0, 0, 4), ratio(3, 2, 4)]).toEqual([null, null, 1])
  })
})
