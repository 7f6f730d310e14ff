import { expect, test } from 'vitest'
import { follow } from '../../../src/deployments/commands/logs.ts'

const line = (text: string) => ({ time: '2026-01-01T00:00:00.000Z', level: 'log', text })

test('following a log shows each new line once, also when equal lines come and old ones are dropped', async () => {
  const copies = [
    ['a', 'b'],
    ['a', 'b', 'b'],
    ['b', 'b', 'c'],
    ['b', 'b', 'c'],
  ].map((each) => each.map(line))
  const shown: string[][] = []
  const read = async () => copies.shift() ?? Promise.reject(new Error('the service stopped'))
  const followed = follow([line('a')], read, (lines) => shown.push(lines.map(({ text }) => text)), 1)
  await expect(followed).rejects.toThrow('the service stopped')
  expect(shown).toEqual([['b'], ['b'], ['c'], []])
})
