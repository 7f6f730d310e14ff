import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  digestOf,
  normaliseDigest,
  parseImageName,
  parseReference,
} from '../../src/release-tracker/image-reference.ts'

const f64 = 'f'.repeat(64)
const f128 = 'f'.repeat(128)

/** Text -> [domain, path, tag, digest]; null is no reference. The grammar is that of registries' own tools. */
const references: [text: string, parts: [string, string, string, string] | null][] = [
  ['test_com', ['', 'test_com', '', '']],
  ['test.com:tag', ['', 'test.com', 'tag', '']],
  ['test.com:5000', ['', 'test.com', '5000', '']],
  ['test.com/repo:tag', ['test.com', 'repo', 'tag', '']],
  ['test:5000/repo', ['test:5000', 'repo', '', '']],
  ['test:5000/repo:tag', ['test:5000', 'repo', 'tag', '']],
  [`test:5000/repo@sha256:${f64}`, ['test:5000', 'repo', '', `sha256:${f64}`]],
  [`test:5000/repo:tag@sha256:${f64}`, ['test:5000', 'repo', 'tag', `sha256:${f64}`]],
  ['', null],
  [':justtag', null],
  [`@sha256:${f64}`, null],
  [`repo@sha256:${'f'.repeat(34)}`, null],
  [`validname@invaliddigest:${f128}`, null],
  ['Uppercase:tag', null],
  ['test:5000/Uppercase/lowercase:tag', null],
  ['lowercase:Uppercase', ['', 'lowercase', 'Uppercase', '']],
  [`${'a/'.repeat(128)}a:tag`, null],
  [
    `${'a/'.repeat(127)}a:tag-puts-this-over-max`,
    ['a', `${'a/'.repeat(126)}a`, 'tag-puts-this-over-max', ''],
  ],
  ['aa/asdf$$^/aa', null],
  ['sub-dom1.foo.com/bar/baz/quux', ['sub-dom1.foo.com', 'bar/baz/quux', '', '']],
  ['sub-dom1.foo.com/bar/baz/quux:some-long-tag', ['sub-dom1.foo.com', 'bar/baz/quux', 'some-long-tag', '']],
  [
    'b.gcr.io/test.example.com/my-app:test.example.com',
    ['b.gcr.io', 'test.example.com/my-app', 'test.example.com', ''],
  ],
  ['xn--n3h.com/myimage:xn--n3h.com', ['xn--n3h.com', 'myimage', 'xn--n3h.com', '']],
  [
    `xn--7o8h.com/myimage:xn--7o8h.com@sha512:${f128}`,
    ['xn--7o8h.com', 'myimage', 'xn--7o8h.com', `sha512:${f128}`],
  ],
  ['foo_bar.com:8080', ['', 'foo_bar.com', '8080', '']],
  ['foo/foo_bar.com:8080', ['foo', 'foo_bar.com', '8080', '']],
  ['192.168.1.1', ['', '192.168.1.1', '', '']],
  ['192.168.1.1:tag', ['', '192.168.1.1', 'tag', '']],
  ['192.168.1.1:5000', ['', '192.168.1.1', '5000', '']],
  ['192.168.1.1/repo', ['192.168.1.1', 'repo', '', '']],
  ['192.168.1.1:5000/repo', ['192.168.1.1:5000', 'repo', '', '']],
  ['192.168.1.1:5000/repo:5050', ['192.168.1.1:5000', 'repo', '5050', '']],
  ['[2001:db8::1]', null],
  ['[2001:db8::1]:5000', null],
  ['[2001:db8::1]:tag', null],
  ['[2001:db8::1]/repo', ['[2001:db8::1]', 'repo', '', '']],
  ['[2001:db8:1:2:3:4:5:6]/repo:tag', ['[2001:db8:1:2:3:4:5:6]', 'repo', 'tag', '']],
  ['[2001:db8::1]:5000/repo', ['[2001:db8::1]:5000', 'repo', '', '']],
  [`[2001:db8::1]:5000/repo:tag@sha256:${f64}`, ['[2001:db8::1]:5000', 'repo', 'tag', `sha256:${f64}`]],
  ['[::1]:5000/repo', ['[::1]:5000', 'repo', '', '']],
  ['[fe80::1%eth0]:5000/repo', null],
  ['[fe80::1%@invalidzone]:5000/repo', null],
]

describe('references', () => {
  it.each(references)('%s', (text, parts) => {
    const { domain, path, tag, digest } = parseReference(text) ?? {}
    expect(parts === null ? undefined : { ...parts }).toEqual(
      domain === undefined ? undefined : { ...[domain, path, tag, digest] },
    )
  })

  it.each([
    ['nginx', ['docker.io', 'nginx', '', '']],
    ['nginx:1.25', ['docker.io', 'nginx', '1.25', '']],
    ['library/nginx:1.25', ['docker.io', 'nginx', '1.25', '']],
    ['docker.io/library/nginx', ['docker.io', 'nginx', '', '']],
    ['index.docker.io/library/nginx', ['docker.io', 'nginx', '', '']],
    ['bitnami/redis:7', ['docker.io/bitnami', 'redis', '7', '']],
    ['docker.io/bitnami/redis:7', ['docker.io/bitnami', 'redis', '7', '']],
    ['localhost/app', ['localhost', 'app', '', '']],
    ['localhost:5000/app', ['localhost:5000', 'app', '', '']],
    [`repo/app@sha256:${f64}`, ['docker.io/repo', 'app', '', `sha256:${f64}`]],
    [`host:5000/a/b:1@sha256:${f64}`, ['host:5000/a', 'b', '1', `sha256:${f64}`]],
    ['gcr.io/google-samples/hello-app:1.0', ['gcr.io/google-samples', 'hello-app', '1.0', '']],
    ['ghcr.io/library/app', ['ghcr.io/library', 'app', '', '']],
  ])('%s is split as a node understands it', (text, parts) => {
    const { repo, name, tag, digest } = parseImageName(text) ?? {}
    expect([repo, name, tag, digest]).toEqual(parts)
  })

  it('are put together again to what they were, whatever their parts', () => {
    const word = fc.stringMatching(/^[a-z0-9]{1,8}$/)
    const path = fc.array(word, { minLength: 1, maxLength: 4 })
    const tag = fc.option(fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}$/), { nil: '' })
    const registry = fc.constantFrom('registry.example.org', 'localhost:5000', '10.0.0.1:80', '[::1]:5000')
    fc.assert(
      fc.property(registry, path, tag, (domain, parts, version) => {
        const found = parseImageName(`${domain}/${parts.join('/')}${version === '' ? '' : `:${version}`}`)
        expect(`${found?.repo}/${found?.name}`).toBe(`${domain}/${parts.join('/')}`)
        expect(found?.tag).toBe(version)
      }),
    )
  })

  it('take no time when they are long', () => {
    const startedAt = performance.now()
    for (const text of ['a-'.repeat(5000), 'a.'.repeat(5000), `${'a'.repeat(5000)}:`, 'a/'.repeat(5000)])
      expect(parseReference(text)).toBeUndefined()
    expect(performance.now() - startedAt).toBeLessThan(200)
  })
})

describe('digests', () => {
  it.each([
    [`docker.io/library/nginx@sha256:${f64}`, `sha256:${f64}`],
    [`docker-pullable://nginx@sha256:${f64}`, `sha256:${f64}`],
    // The configuration of a local image: no registry knows this digest.
    [`docker://sha256:${f64}`, undefined],
    [`sha256:${f64}`, undefined],
    [f64, undefined],
    ['nginx:1.25', undefined],
    ['', undefined],
  ])('are found in what a node reports: %s', (imageId, digest) => {
    expect(digestOf(imageId)).toBe(digest)
  })

  it('are taken with and without their algorithm', () => {
    expect(normaliseDigest(f64)).toBe(`sha256:${f64}`)
    expect(normaliseDigest(`sha256:${f64.toUpperCase()}`)).toBe(`sha256:${f64}`)
    for (const bad of ['', 'sha256:', `sha256:${f64}f`, `sha512:${f64}`, `${f64.slice(1)}g`])
      expect(normaliseDigest(bad)).toBeUndefined()
  })
})
