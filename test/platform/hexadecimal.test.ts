import { expect, it } from 'vitest'
import { digitsProblem } from '../../src/platform/hexadecimal.ts'

const expected = 'expected 64 digits'

it.each([
  [`sha256:${'a'.repeat(66)}`, ', found 66'],
  ['A'.repeat(63), ', found 63'],
  ['sha256:', ', found 0'],
  [`sha512:${'a'.repeat(128)}`, ''],
  ['not-digits', ''],
  ['A'.repeat(64), ''],
])('%s: the description has the number of digits if all are digits', (text, found) => {
  expect(digitsProblem(text, 64, expected)).toBe(expected + found)
})
