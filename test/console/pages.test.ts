import { afterAll, beforeAll, expect, test } from 'vitest'
import { allRoutes } from '../../src/app.ts'
import { base, type ConsoleWorld, startConsole } from './harness.ts'

let world: ConsoleWorld
beforeAll(async () => {
  world = await startConsole()
})
afterAll(() => world.stop())

const policy = [
  "default-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "base-uri 'self'",
  "form-action 'self'",
  "frame-ancestors 'none'",
  "object-src 'none'",
  "script-src-attr 'none'",
].join(';')

/** Paths of the library and of Express, which are not in our route table. */
const otherPaths = [
  '',
  '/',
  '/queue/rollback',
  '/queue/rollback/x',
  '/job-schedulers',
  '/static',
  '/nowhere',
].map((path) => base + path)

/** Inline scripts, except `script` elements that contain only data. */
const inlineScript = /<script(?![^>]*(?: src=| type="application\/json"))|\son[a-z]+=["']/

test('every page has the strict content security policy', async () => {
  const { cookie } = await world.browser('the-admin')
  const paths = allRoutes(world.ctx, () => false)
    .filter(({ method }) => method === 'get')
    .map(({ path }) => path.replace(/[:*]\w+/g, 'x'))
    .filter((path) => !path.endsWith('/events'))
  const pages: string[] = []
  for (const path of [...paths, ...otherPaths, '/', '/nowhere', '/%ff', '/admin/']) {
    for (const by of [{}, { cookie }]) {
      const { headers, text } = await world.api.call(path, { headers: { ...by, accept: 'text/html' } })
      const received = headers.get('content-security-policy')
      // A badge is an image, whose policy is stricter.
      expect([path, received]).toEqual([
        path,
        expect.stringMatching(/^default-src '(?:self|none)'(?!.*(?:https?:|\*))/),
      ])
      if (headers.get('content-type')?.includes('html') !== true) continue
      pages.push(path)
      expect([path, received]).toEqual([path, policy])
      expect([path, text.match(inlineScript)]).toEqual([path, null])
    }
  }
  expect(pages).toEqual(expect.arrayContaining(['/login', '/admin', base, `${base}/queue/rollback`]))
})

test('the page of a refused sign-in has the strict content security policy', async () => {
  const raw = new URLSearchParams({ username: 'nobody', password: 'wrong password' }).toString()
  const headers = { 'content-type': 'application/x-www-form-urlencoded' }
  const answer = await world.api.call('/login', { raw, headers })
  expect([answer.status, answer.headers.get('content-type')]).toEqual([401, 'text/html; charset=utf-8'])
  expect(answer.headers.get('content-security-policy')).toBe(policy)
})
