import { inspect } from 'node:util'
import { expect, test } from 'vitest'
import { maskValues, maskValuesDeep } from '../../../src/platform/logging/mask-values.ts'

const secrets = {
  plain: 'hunter2-hunter2',
  quotes: `it's "quoted" \\ and 'so' on`,
  lines: '-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0B\nAQEFAASCBKcwggSjAgEAAoIB\n-----END KEY-----\n',
  json: '{"user":"ann","password":"p\\u00e4ss\\n"}',
  url: 'a b&c=d/é?',
  broken: 'half \ud800 of a pair',
}

/** How Workers write a value into their logs. */
const writings: Record<string, (value: string) => string> = {
  'as it is': (value) => `key: ${value}.`,
  'as JSON': (value) => JSON.stringify({ key: value }),
  'as JSON inside JSON': (value) => JSON.stringify({ body: JSON.stringify({ key: value }) }),
  'by console.log of an object': (value) =>
    inspect({ key: value }, { breakLength: Number.POSITIVE_INFINITY }),
  'in a URL': (value) => `https://example.org/?key=${encodeURIComponent(value.toWellFormed())}`,
}

const cases = Object.entries(secrets).flatMap(([kind, secret]) =>
  Object.entries(writings).map(([way, write]) => ({ kind, way, secret, text: write(secret) })),
)

test.each(cases)('a secret ($kind) written $way is masked', ({ secret, text }) => {
  const masked = maskValues(text, [secret], '[secret]')
  expect(masked).toContain('[secret]')
  for (const line of secret.split('\n').filter((each) => each.length >= 12))
    expect(masked).not.toContain(line)
  expect(maskValuesDeep({ logs: [{ message: [text, { [secret]: secret }] }] }, [secret], '*')).toEqual({
    logs: [{ message: [maskValues(text, [secret], '*'), { '*': '*' }] }],
  })
})

test('the lines of a secret are masked where they are written one by one', () => {
  const [, first = '', second = ''] = secrets.lines.split('\n')
  expect(maskValues(`${first}|x|${second}`, [secrets.lines], '*')).toBe('*|x|*')
})

test('a longer secret is masked before one that is part of it, and an empty one masks nothing', () => {
  expect(maskValues('abcdef', ['abc', '', 'abcdef'], '*')).toBe('*')
})
