import { describe, expect, it } from 'vitest'
import { createSecrets } from '../../src/platform/secrets.ts'

const [oldKey, newKey] = ['the-old-secret-key-of-the-tests-01', 'the-new-secret-key-of-the-tests-02']

describe('secrets at rest', () => {
  const secrets = createSecrets(newKey)

  it.each([[''], ['a token'], ['ключ 🔑'], ['x'.repeat(100_000)]])('opens what it sealed', (plain) => {
    const sealed = secrets.seal(plain, 'plan:1')
    if (plain !== '') expect(sealed).not.toContain(plain)
    expect(secrets.open(sealed, 'plan:1')).toBe(plain)
  })

  it('seals the same text differently each time', () => {
    expect(secrets.seal('a', 'b')).not.toBe(secrets.seal('a', 'b'))
  })

  it('a sealed value does not open in another context', () => {
    expect(() => secrets.open(secrets.seal('a', 'plan:1'), 'plan:2')).toThrow()
  })

  it('opens values of an earlier key and seals with the current one', () => {
    const before = createSecrets(oldKey).seal('a', 'b')
    const rotated = createSecrets(newKey, [oldKey])
    expect(rotated.open(before, 'b')).toBe('a')
    expect(secrets.open(rotated.seal('a', 'b'), 'b')).toBe('a')
    expect(() => secrets.open(before, 'b')).toThrow('not configured')
  })

  it('a changed, truncated or forged value does not open', () => {
    const sealed = secrets.seal('a secret', 'b')
    const parts = sealed.split('.')
    for (let part = 0; part < parts.length; part++) {
      const changed = parts.with(part, flip(parts[part] ?? '')).join('.')
      expect(() => secrets.open(changed, 'b'), `part ${part} changed`).toThrow()
    }
    // A tag cut to four bytes could be found by trying.
    const tag = Buffer.from(parts[3] ?? '', 'base64url')
      .subarray(0, 4)
      .toString('base64url')
    expect(() => secrets.open(parts.with(3, tag).join('.'), 'b')).toThrow()
    for (const nonsense of ['', 'v1', 'v1....', sealed.slice(0, -4)]) {
      expect(() => secrets.open(nonsense, 'b')).toThrow()
    }
  })

  it('equal secrets have equal fingerprints under the same key only', () => {
    expect(secrets.fingerprint('a')).toBe(secrets.fingerprint('a'))
    expect(secrets.fingerprint('a')).not.toBe(secrets.fingerprint('b'))
    expect(secrets.fingerprint('a')).not.toBe(createSecrets(oldKey).fingerprint('a'))
  })

  it('derives a separate key for each purpose', () => {
    const [one, two] = [secrets.derive('one'), secrets.derive('two')]
    expect(one).toHaveLength(32)
    expect(one).not.toEqual(two)
    expect(secrets.derive('one')).toEqual(one)
  })
})

/** Another character at the beginning, so that it is not lost in base64's last bits. */
const flip = (text: string) => (text.startsWith('A') ? 'B' : 'A') + text.slice(1)
