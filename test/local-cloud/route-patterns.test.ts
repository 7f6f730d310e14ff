import { describe, expect, it, test } from 'vitest'
import { siteOf } from '../../src/local-cloud/gateway/host.ts'
import { canonicalPattern, parseRoutePattern } from '../../src/local-cloud/zones/route-pattern.ts'
import { accountId, startCloud, temporaryDir } from './harness.ts'

/** The script that serves a URL if each pattern has a route to a script of the same name. */
function scriptOf(patterns: string[], url: string): string | undefined {
  const zones = {
    list: () => [{ id: 'zone', name: 'example.test', createdOn: '' }],
    domains: () => [],
    routes: () => patterns.map((pattern, n) => ({ id: String(n), pattern, scriptName: pattern })),
  }
  const slash = url.indexOf('/')
  const request = { headers: { host: url.slice(0, slash) }, url: url.slice(slash) }
  return siteOf({ zones } as never, request as never)?.script
}

describe('a route pattern', () => {
  it.each([
    ['example.test', 'example.test/', true],
    ['example.test', 'example.test/x', false],
    ['example.test/', 'example.test/?query', false],
    ['example.test/*', 'example.test/?query', true],
    ['EXAMPLE.test/*', 'Example.Test/', true],
    ['example.test/Images/*', 'example.test/images/a', false],
    ['example.test/images*', 'example.test/images2', true],
    ['example.test/images/*', 'example.test/images', false],
    ['*example.test/*', 'example.test/', true],
    ['*example.test/*', 'a.b.example.test/', true],
    ['*.example.test/*', 'example.test/', false],
    ['*.example.test/*', 'a.example.test/x', true],
    ['https://example.test/*', 'example.test/x', true],
    ['example.test/a.b', 'example.test/axb', false],
    ['example.test/(a+)+$/*', 'example.test/(a+)+$/x', true],
  ])('%s matches %s: %s', (pattern, url, matches) => {
    expect(scriptOf([pattern], url)).toBe(matches ? pattern : undefined)
  })

  it.each([
    [['*.example.test/*', 'www.example.test/*'], 'www.example.test/x', 'www.example.test/*'],
    [['example.test/*', 'example.test/hello/*'], 'example.test/hello/world', 'example.test/hello/*'],
    [['*.example.test/a', 'a.example.test/*'], 'a.example.test/a', 'a.example.test/*'],
    [['example.test/a/b*', 'example.test/a/b'], 'example.test/a/b', 'example.test/a/b'],
    [
      ['*.example.test/a/long/path/*', '*.b.example.test/*'],
      'a.b.example.test/a/long/path/x',
      '*.b.example.test/*',
    ],
  ])('is chosen among %j for %s by the more specific host, then path', (patterns, url, expected) => {
    expect(scriptOf(patterns, url)).toBe(expected)
    expect(scriptOf(patterns.toReversed(), url)).toBe(expected)
  })

  it.each([
    ['example.test/*.jpg', 'wildcards'],
    ['*.*.example.test/*', 'wildcards'],
    ['**example.test/*', 'wildcards'],
    ['a.*.example.test/', 'wildcards'],
    ['example.*/x', 'wildcards'],
    ['example.test/**', 'wildcards'],
    ['example.test/?a=*', 'query'],
    ['example.test?a', 'query'],
    ['*/*', 'syntax'],
    ['/path', 'syntax'],
    ['.example.test/', 'syntax'],
    ['example.test./x', 'syntax'],
    ['example.test:80/', 'syntax'],
    ['example.test/a b', 'syntax'],
    ['example.test/a\nb', 'syntax'],
    ['example.test/#a', 'syntax'],
    ['ftp://example.test/', 'syntax'],
    [`example.test/${'a'.repeat(500)}`, 'syntax'],
  ])('%j is invalid: %s', (pattern, problem) => {
    expect(parseRoutePattern(pattern)).toEqual({ problem })
  })

  it('is equal to another one that differs in the case of scheme and host only', () => {
    const canonical = (text: string) => {
      const parsed = parseRoutePattern(text)
      return 'problem' in parsed ? undefined : canonicalPattern(parsed)
    }
    expect(canonical('HTTPS://*Example.test')).toBe(canonical('https://*example.test/'))
    expect(canonical('example.test/A')).not.toBe(canonical('example.test/a'))
    expect(canonical('https://example.test/')).not.toBe(canonical('example.test/'))
  })

  it('is compared with hostile requests of 100 kB in linear time', () => {
    const patterns = [
      '*.example.test/*',
      '*a.example.test/a*',
      `example.test/${'a/'.repeat(200)}*`,
      '*a'.repeat(200),
    ]
    const hosts = [
      `${'a.'.repeat(50_000)}example.test`,
      `${'a'.repeat(100_000)}.test`,
      `a${':1'.repeat(50_000)}x.b`,
    ]
    const paths = [`/${'a/'.repeat(50_000)}`, `/${'a'.repeat(100_000)}`, '/*'.repeat(50_000)]
    const start = performance.now()
    for (const host of hosts) for (const path of paths) scriptOf(patterns, `${host}${path}`)
    expect(performance.now() - start).toBeLessThan(1000)
  })
})

test('creating or changing a route with an invalid pattern fails with 10022', async () => {
  const cloud = await startCloud(temporaryDir(), ['example.test'])
  const zones = await cloud.call('GET', `/zones?account.id=${accountId}&name=example.test`)
  const zone = zones.result[0].id
  const put = (pattern: string) => cloud.call('POST', `/zones/${zone}/workers/routes`, { pattern })
  const made = await put('*.Example.test/api/*')
  expect(made.status).toBe(200)
  expect(await put('*.example.test/api/*')).toMatchObject({ status: 409, code: 10020 })
  for (const [pattern, message] of [
    ['example.test/*.jpg', 'wildcards only at the beginning'],
    ['example.test/*/*', 'wildcards only at the beginning'],
    ['example.test/?a=*', 'query parameters'],
    ['exam ple.test/', 'is invalid'],
    ['elsewhere.test/*', 'must include the name of the zone'],
    ['notexample.test/*', 'must include the name of the zone'],
    ['*/*', 'is invalid'],
  ] as const) {
    for (const reply of [
      await put(pattern),
      await cloud.call('PUT', `/zones/${zone}/workers/routes/${made.result.id}`, { pattern }),
    ]) {
      expect(reply, pattern).toMatchObject({ status: 400, code: 10022 })
      expect(reply.message).toContain(message)
    }
  }
})
