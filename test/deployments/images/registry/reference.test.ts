import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseChallenge } from '../../../../src/deployments/images/registry/challenge.ts'
import { formatReference, parseReference } from '../../../../src/deployments/images/registry/index.ts'
import { originOf } from '../../../../src/deployments/images/registry/reference.ts'

const digest = `sha256:${'0123456789abcdef'.repeat(4)}`

describe('a reference', () => {
  test.each([
    ['redis', 'docker.io/library/redis:latest'],
    ['redis:7', 'docker.io/library/redis:7'],
    ['me/app', 'docker.io/me/app:latest'],
    ['docker.io/redis', 'docker.io/library/redis:latest'],
    ['index.docker.io/me/app:1', 'docker.io/me/app:1'],
    ['ghcr.io/me/app:v1.2', 'ghcr.io/me/app:v1.2'],
    ['localhost/app', 'localhost/app:latest'],
    ['localhost:5000/app', 'localhost:5000/app:latest'],
    ['127.0.0.1:5000/a/b/c:x', '127.0.0.1:5000/a/b/c:x'],
    ['[::1]:5000/app', '[::1]:5000/app:latest'],
    ['GHCR.io/me/app', 'ghcr.io/me/app:latest'],
    [`ghcr.io/me/app@${digest}`, `ghcr.io/me/app@${digest}`],
    [`ghcr.io/me/app:v1@${digest}`, `ghcr.io/me/app:v1@${digest}`],
    ['host:5000/a__b/c--d.e', 'host:5000/a__b/c--d.e:latest'],
  ])('%s is %s', (text, written) => {
    const parsed = parseReference(text)
    if ('problem' in parsed) throw new Error(parsed.problem)
    expect(formatReference(parsed)).toBe(written)
    expect(parseReference(written)).toEqual(parsed)
  })

  test.each([
    '',
    '/',
    'a//b',
    'me/App',
    'ghcr.io/me/app:',
    'ghcr.io/me/app:ta g',
    'ghcr.io/me/app@sha256:abc',
    `ghcr.io/me/app@sha512:${'0'.repeat(128)}`,
    'ghcr.io/',
    'ghcr.io/../app',
    'https://ghcr.io/me/app',
    'user:pw@ghcr.io/app',
    '-bad.io/app',
    'host:port/app',
    'ghcr.io:99999/app',
    '[::::]:5000/app',
    '1.2.3.4.5/app',
    `ghcr.io/${'a'.repeat(256)}`,
    `ghcr.io/app:${'t'.repeat(129)}`,
    'ghcr.io/app?x=1',
    'ghcr.io/app\n',
  ])('%j is refused without being repeated', (text) => {
    const parsed = parseReference(text)
    expect(parsed).toHaveProperty('problem')
    if (text.length > 8 && 'problem' in parsed) expect(parsed.problem).not.toContain(text)
  })

  test('always resolves to a repository of its own host', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 80 }), (text) => {
        const parsed = parseReference(text)
        if ('problem' in parsed) return
        const origin = originOf(parsed.host)
        const url = new URL(`/v2/${parsed.repository}/manifests/${parsed.tag ?? parsed.digest}`, origin)
        expect(url.origin).toBe(origin.origin)
        expect(url.pathname).toBe(`/v2/${parsed.repository}/manifests/${parsed.tag ?? parsed.digest}`)
      }),
    )
  })

  test.each([
    ['docker.io', 'https://registry-1.docker.io'],
    ['ghcr.io', 'https://ghcr.io'],
    ['localhost:5000', 'http://localhost:5000'],
    ['127.1.2.3:80', 'http://127.1.2.3'],
    ['[::1]:5000', 'http://[::1]:5000'],
    ['127.evil.example', 'https://127.evil.example'],
    ['localhost.example', 'https://localhost.example'],
  ])('to %s goes to %s', (host, origin) => {
    expect(originOf(host).origin).toBe(origin)
  })
})

test.each([
  ['Bearer realm="https://auth.docker.io/token",service="registry.docker.io"', 'bearer'],
  ['Bearer realm="https://a/t",service="s",scope="repository:x:pull,push",error="invalid_token"', 'bearer'],
  ['Basic realm="managed", Bearer realm="https://a/t"', 'bearer'],
  ['bearer  realm=https://a/t', 'bearer'],
  ['Basic realm="Bearer realm=x"', 'basic'],
  ['Basic', 'basic'],
  ['Negotiate', 'unknown'],
  ['', 'unknown'],
])('the challenge %j is %s', (header, scheme) => {
  expect(parseChallenge(header).scheme).toBe(scheme)
})

test('values of a challenge may be quoted and contain commas', () => {
  const header = 'Bearer realm="https://a/t?x=1",scope="repository:x:pull,push",service="a \\"b\\""'
  expect(parseChallenge(header)).toEqual({ scheme: 'bearer', realm: 'https://a/t?x=1', service: 'a "b"' })
})
