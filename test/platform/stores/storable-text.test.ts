import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { storableText, truncate, unstorableFields } from '../../../src/platform/postgres/storable-text.ts'
import { createTestContext, type TestContext } from '../../helpers/context.ts'

const bad = 'a\0b\ud800c\udc00d😀'
const good = 'a\ufffdb\ufffdc\ufffdd😀'

describe('storable text', () => {
  it('replaces null characters and unpaired surrogates, and nothing else', () => {
    expect(storableText(bad)).toBe(good)
    expect(storableText('😀\n\t\u0001 ü \ufeff')).toBe('😀\n\t\u0001 ü \ufeff')
  })

  it('is cut by characters, never inside one', () => {
    expect(truncate('ab😀cd', 3)).toBe('ab😀')
    expect(truncate('😀😀😀', 2)).toBe('😀😀')
    expect(truncate('😀😀', 2)).toBe('😀😀')
    expect(truncate('abc', 3)).toBe('abc')
    expect(truncate(`${'x'.repeat(9)}😀`, 10).isWellFormed()).toBe(true)
  })
})

describe('the faults of a request', () => {
  it('are named by path, without the text', () => {
    const faults = unstorableFields({ a: ['ok', { b: 'x\0' }], c: '\udfff', 'd\0': 1, e: 5, f: null }, 'body')
    expect(faults).toEqual([{ path: 'body', problem: expect.stringContaining('in keys') }])
    const others = unstorableFields({ a: ['ok', { b: 'x\0' }], c: '\udfff', d: { 'e\ud800': 1 } }, 'body')
    expect(others.map(({ path }) => path)).toEqual(['a.1.b', 'c', 'd'])
    expect(unstorableFields('\0', 'body').map(({ path }) => path)).toEqual(['body'])
    expect(unstorableFields({ a: '😀', b: [undefined, 1, true] }, 'body')).toEqual([])
  })

  it('are at most twenty', () => {
    expect(unstorableFields(new Array(100).fill('\0'), 'body')).toHaveLength(20)
  })

  it('include nesting that is too deep', () => {
    const deep = JSON.parse(`${'['.repeat(50_000)}${']'.repeat(50_000)}`)
    expect(unstorableFields(deep, 'body')).toMatchObject([{ problem: 'expected fewer levels of nesting' }])
  })
})

describe('every query', () => {
  let ctx: TestContext
  beforeAll(async () => {
    ctx = await createTestContext()
    await ctx.db.raw(
      'create table texts (id int, plain text, list text[], doc jsonb, docs jsonb[], raw json)',
    )
  })
  afterAll(() => ctx?.dispose())

  it('stores text and JSON of any kind', async () => {
    const doc = { [`key ${bad}`]: [bad, { deep: `\\u0000 ${bad} \\` }] }
    const stored = { [`key ${good}`]: [good, { deep: `\\u0000 ${good} \\` }] }
    const json = JSON.stringify(doc)
    await ctx.db.raw('insert into texts values (1, ?, ?, ?, ?::jsonb[], ?)', [
      bad,
      [bad, 'x'],
      json,
      [json],
      json,
    ])
    await ctx.db.transaction((trx) =>
      trx('texts').insert({ id: 2, plain: bad, doc, raw: JSON.stringify(bad) }),
    )
    const rows = await ctx.db('texts').orderBy('id')
    expect(rows[0]).toMatchObject({
      plain: good,
      list: [good, 'x'],
      doc: stored,
      docs: [stored],
      raw: stored,
    })
    expect(rows[1]).toMatchObject({ plain: good, doc: stored, raw: good })
  })

  it('leaves all other values as they are', async () => {
    const text = 'no JSON: \\u0000 \\ud800'
    const pair = '{"pair":"\\ud83d\\ude00","escaped":"\\\\u0000"}'
    const at = new Date()
    const { rows } = await ctx.db.raw(
      'select ?::text as a, ?::text as b, ?::timestamptz as c, ?::bytea as d',
      [...[text, pair, at, Buffer.from([0, 255])]],
    )
    expect(rows).toEqual([{ a: text, b: pair, c: at, d: Buffer.from([0, 255]) }])
  })

  it('fails without the values of its parameters in the message', async () => {
    await expect(ctx.db.raw('select 1 / ?::int, ?::text', [0, 'planted-value'])).rejects.not.toThrow(
      /planted/,
    )
  })
})
