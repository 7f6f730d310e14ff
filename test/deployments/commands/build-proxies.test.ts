import { expect, test } from 'vitest'
import {
  proxyPasswords,
  withoutLogin,
} from '../../../src/deployments/commands/wrangler/reading/build-proxies.ts'

test.each([
  ['http://ann:s3cret@proxy.example:3128', 'http://proxy.example:3128', ['s3cret', 's3cret']],
  ['https://ann:p%40ss%3Aword@proxy.example/', 'https://proxy.example/', ['p%40ss%3Aword', 'p@ss:word']],
  ['ann:100%@proxy.example:3128', 'proxy.example:3128', ['100%', '100%']],
  ['http://u:p@ss@h:3128', 'http://h:3128', ['p@ss', 'p@ss']],
  ['u:p@@ss@h:3128/a@b', 'h:3128/a@b', ['p@@ss', 'p@@ss']],
  ['http://ann@proxy.example', 'http://proxy.example', []],
  ['http://proxy.example:3128', 'http://proxy.example:3128', []],
  ['proxy.example:3128', 'proxy.example:3128', []],
])('the build gets the proxy %s without its login, and its password is masked', (url, plain, passwords) => {
  expect(withoutLogin(url)).toBe(plain)
  for (const name of ['HTTPS_PROXY', 'https_proxy', 'HTTP_PROXY', 'http_proxy'])
    expect(proxyPasswords({ [name]: url, NO_PROXY: 'a:b@c' })).toEqual(passwords)
})
