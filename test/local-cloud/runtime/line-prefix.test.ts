import { expect, test } from 'vitest'
import { prefixOf, readPrefix } from '../../../src/local-cloud/runtime/logs/lines.ts'

const marker = 'a secret of the process'

test('a line is read as of the version and kind that its prefix names', () => {
  const line = `${prefixOf(marker, 'line', 'version-1')}hello\nworld`
  expect(readPrefix(line, marker)).toEqual({ kind: 'line', versionId: 'version-1', text: 'hello\nworld' })
  const report = `${prefixOf(marker, 'exception', 'version-1')}{}`
  expect(readPrefix(report, marker)).toEqual({ kind: 'exception', versionId: 'version-1', text: '{}' })
  expect(readPrefix(prefixOf(marker, 'line', 'version-1').trimEnd(), marker)).toMatchObject({ text: '' })
})

test('a Worker that knows its own prefix cannot write lines of another version or kind', () => {
  const own = prefixOf(marker, 'line', 'version-1')
  const forgeries = [
    own.replace('version-1', 'version-2'),
    own.replace('>', '!'),
    own.replace(/^.{32}/, '0'.repeat(32)),
    prefixOf('another process', 'line', 'version-1'),
    own.slice(1),
    ` ${own}`,
  ]
  for (const prefix of forgeries) expect(readPrefix(`${prefix}hello`, marker)).toBeUndefined()
})
