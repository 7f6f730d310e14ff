import { describe, expect, it } from 'vitest'
import { decodeCursor, encodeCursor, page, readCursor } from '../../src/platform/http/index.ts'
import { instant, parseInstant } from '../../src/platform/instant.ts'

const id = '0b0e7a52-0c3a-4f0e-9a35-0d3f2d3c1b11'

describe('a time in a request', () => {
  const schema = instant({ error: 'expected a time', local: true })

  it.each(['0000-01-01T00:00:00Z', '0001-01-01T00:00:00+01:00', '9999-12-31T23:00:00-02:00'])(
    '%s is in no year that can be stored',
    (text) => {
      expect(schema.safeParse(text).error?.issues[0]?.message).toBe('expected a time in the years 1 to 9999')
    },
  )

  it.each([
    '+275760-09-13T00:00:00Z',
    '2026-02-30T00:00:00Z',
    '2026-01-01',
    '-000001-01-01T00:00:00Z',
    '0044-03-15 BC',
  ])('%s is invalid', (text) => {
    expect(schema.safeParse(text).error?.issues[0]?.message).toBe('expected a time')
  })

  it('is read in its zone, or in UTC', () => {
    expect(schema.parse('2026-01-01T01:00:00+01:00')).toEqual(new Date('2026-01-01T00:00:00Z'))
    expect(schema.parse('2026-01-01T00:00:00')).toEqual(new Date('2026-01-01T00:00:00Z'))
    expect(schema.parse('9999-12-31T23:59:59.999Z').getUTCFullYear()).toBe(9999)
  })
})

describe('a cursor', () => {
  it('encodes the position of the last row of a page', () => {
    const rows = [1, 2].map((n) => ({ id, position: `2026-01-01T00:00:00.00000${n}Z` }))
    expect(decodeCursor(page(rows, 1).next ?? undefined)).toEqual({ createdAt: rows[0]?.position, id })
    expect(page(rows, 2).next).toBeNull()
  })

  it.each([
    `0000-01-01T00:00:00.000000Z ${id}`,
    `2026-13-01T00:00:00.000000Z ${id}`,
    `2026-02-30T00:00:00.000000Z ${id}`,
    `2026-01-01T25:00:00.000000Z ${id}`,
    `2026-01-01T00:00:00.000000Z 0b0e7a52--------------------------1b`,
    `2026-01-01T00:00:00.000000Z ${id} `,
    '2026-01-01T00:00:00.000000Z',
    `\0 ${id}`,
    '',
  ])('with %j inside is refused', (text) => {
    expect(() => decodeCursor(encodeCursor(text))).toThrow(/query is not valid/)
  })

  it('contains no text that cannot be stored', () => {
    expect(() => readCursor(encodeCursor('a\0'), (text) => text)).toThrow(/query is not valid/)
  })

  it('keeps its time exact', () => {
    expect(parseInstant('2024-02-29T23:59:59.999999Z')).toEqual(new Date('2024-02-29T23:59:59.999Z'))
  })
})
