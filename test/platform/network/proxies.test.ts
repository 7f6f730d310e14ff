import { describe, expect, it } from 'vitest'
import { createProxyChoice } from '../../../src/platform/network/proxies.ts'

const proxy = 'http://proxy.example:3128'
const choose = (env: NodeJS.ProcessEnv, url: string) => createProxyChoice(env)(new URL(url))
const isDirect = (noProxy: string, url: string) =>
  choose({ HTTP_PROXY: proxy, HTTPS_PROXY: proxy, NO_PROXY: noProxy }, url) === undefined

describe('NO_PROXY', () => {
  it.each([
    ['10.0.0.0/8', 'https://10.1.2.3'],
    ['10.0.0.0/8', 'https://10.1.2.3:6443'],
    ['192.0.2.128/25', 'http://192.0.2.200'],
    ['192.0.2.7/32', 'http://192.0.2.7'],
    ['0.0.0.0/0', 'http://192.0.2.7'],
    ['fd00::/8', 'https://[fd12::1]:6443'],
    ['[fd00::]/8', 'https://[fd12::1]'],
    ['[fd00::/8]', 'https://[fd12::1]'],
    ['[fd00::]/8:6443', 'https://[fd12::1]:6443'],
    ['10.0.0.0/8', 'http://[::ffff:10.1.2.3]'],
    ['10.0.0.0/8:6443', 'https://10.1.2.3:6443'],
    ['192.0.2.1', 'http://192.0.2.1:8080'],
    ['2001:DB8::1', 'http://[2001:db8:0::1]'],
    ['[2001:db8::1]:443', 'https://[2001:db8::1]'],
    ['::ffff:192.0.2.1', 'http://192.0.2.1'],
    ['example.com', 'https://example.com'],
    ['example.com', 'https://api.example.com'],
    ['EXAMPLE.com', 'https://example.COM.'],
    ['example.com.', 'https://example.com'],
    ['.example.com', 'https://api.example.com'],
    ['.example.com', 'https://example.com'],
    ['*.example.com', 'https://a.b.example.com'],
    ['example.com:8443', 'https://example.com:8443'],
    ['example.com:443', 'https://example.com'],
    ['bücher.example', 'https://xn--bcher-kva.example'],
    ['*', 'https://anything.example'],
    ['other.example, *', 'https://anything.example'],
    ['*:443', 'https://anything.example'],
    [' other.example , 10.0.0.0/8 ,', 'https://10.0.0.1'],
    ['other.example 10.0.0.0/8', 'https://10.0.0.1'],
    // This machine, whatever the list says.
    ['', 'http://127.0.0.1:8000'],
    ['', 'http://127.8.9.10'],
    ['', 'http://[::1]:8000'],
    ['', 'http://localhost'],
    ['', 'http://hello.localhost'],
  ])('%j is direct for %s', (noProxy, url) => {
    expect(isDirect(noProxy, url)).toBe(true)
  })

  it.each([
    ['', 'https://10.1.2.3'],
    ['10.0.0.0/8', 'https://11.1.2.3'],
    ['10.0.0.0/8', 'https://ten.example'],
    ['10.0.0.0/8:6443', 'https://10.1.2.3'],
    ['fd00::/8', 'https://[fe12::1]'],
    ['fd00::/8', 'https://10.0.0.1'],
    ['10.0.0.0/33', 'https://10.0.0.1'],
    ['ten/8', 'https://10.0.0.1'],
    ['/8', 'https://10.0.0.1'],
    ['192.0.2.1', 'http://192.0.2.10'],
    ['*.example.com', 'https://example.com'],
    ['example.com', 'https://myexample.com'],
    ['.example.com', 'https://myexample.com'],
    ['example.com:8443', 'https://example.com'],
    ['*:80', 'https://anything.example'],
  ])('%j leaves %s to the proxy', (noProxy, url) => {
    expect(isDirect(noProxy, url)).toBe(false)
  })

  it('in lower case takes precedence over upper case, and an empty one is ignored', () => {
    const env = { HTTPS_PROXY: proxy, NO_PROXY: 'a.example', no_proxy: 'b.example' }
    expect(choose(env, 'https://a.example')).toBe(proxy)
    expect(choose(env, 'https://b.example')).toBeUndefined()
    expect(choose({ ...env, no_proxy: '' }, 'https://a.example')).toBeUndefined()
  })
})

describe('the proxy', () => {
  it.each<[NodeJS.ProcessEnv, string | undefined, string | undefined]>([
    [{}, undefined, undefined],
    [{ HTTPS_PROXY: 'http://s' }, undefined, 'http://s'],
    [{ https_proxy: 'http://s', HTTPS_PROXY: 'http://S' }, undefined, 'http://s'],
    [{ https_proxy: '', HTTPS_PROXY: 'http://S' }, undefined, 'http://S'],
    [{ HTTP_PROXY: 'http://h', HTTPS_PROXY: 'http://s' }, 'http://h', 'http://s'],
    [{ http_proxy: 'proxy.example:3128' }, proxy, proxy],
  ])('of %j', (env, http, https) => {
    expect([choose(env, 'http://a.example'), choose(env, 'https://a.example')]).toEqual([http, https])
  })

  it('of a setting takes precedence over the environment, and NO_PROXY still applies', () => {
    const choice = createProxyChoice({ HTTPS_PROXY: 'http://other', NO_PROXY: '10.0.0.0/8' }, proxy)
    expect(choice(new URL('https://master.example'))).toBe(proxy)
    expect(choice(new URL('https://10.0.0.1'))).toBeUndefined()
  })
})
