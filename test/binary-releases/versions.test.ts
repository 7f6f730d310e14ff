import { describe, expect, it } from 'vitest'
import { compareVersions, isVersion } from '../../src/binary-releases/catalogue/versions.ts'

describe('a version', () => {
  it.each([
    '2025.11.24',
    '2025.11.24.2',
    '2025.01.05',
    '1.0.0',
    '10.20.30',
    '1.0.0-rc.1',
    '1.0.0-alpha-2.x',
    '1.0.0+build.7',
    '1.0.0-0.3.7+exp.sha.5114f85',
  ])('is accepted: %s', (text) => expect(isVersion(text)).toBe(true))

  it.each([
    '',
    'latest',
    'v1.0.0',
    '1.0',
    '1.0.0.0.0',
    '2025.02.30',
    '2025.13.01',
    '2025.1.05',
    '2025.11.24.01',
    '2025.11.24-',
    '1.0.0-',
    '1.0.0-01',
    '1.0.0-..',
    '1.0.0+',
    ' 1.0.0',
    '1.0.0\n',
    '1.0.0/..',
    '../1.0.0',
    '..',
    '1.0.0%2f..',
    '1.0.0\\x',
    '1.0.0\0',
    '１.0.0',
    '1․0․0',
    '2025.11.2４',
    '1.0.0-а',
    '1.0.0-\u202e',
    `1.0.0-${'a'.repeat(60)}`,
    `${'9'.repeat(20)}.0.0`,
  ])('is refused: %j', (text) => expect(isVersion(text)).toBe(false))

  it('is ordered by semver precedence or by date', () => {
    const sorted = [
      '1.0.0-1',
      '1.0.0-2',
      '1.0.0-10',
      '1.0.0-alpha',
      '1.0.0-alpha.1',
      '1.0.0-alpha.beta',
      '1.0.0-beta',
      '1.0.0-rc.1',
      '1.0.0',
      '1.0.1',
      '1.2.0',
      '1.10.0',
      '2025.01.05',
      '2025.11.24',
      '2025.11.24.2',
      '2025.11.24.10',
      '2025.11.25',
    ]
    expect(sorted.toReversed().toSorted(compareVersions)).toEqual(sorted)
    for (const each of sorted) expect(compareVersions(each, each)).toBe(0)
  })

  it.each([
    ['1.0.0+a', '1.0.0+b'],
    ['1.0.0-rc.1+a', '1.0.0-rc.1'],
    ['2025.11.24', '2025.11.24.0'],
    ['2025.01.05', '2025.1.5'],
  ])('has equal precedence: %s and %s', (a, b) =>
    expect([compareVersions(a, b), compareVersions(b, a)]).toEqual([0, 0]),
  )

  it('is compared exactly by numbers of any length', () => {
    expect(compareVersions('1.0.0-99999999999999999998', '1.0.0-99999999999999999999')).toBe(-1)
  })
})
