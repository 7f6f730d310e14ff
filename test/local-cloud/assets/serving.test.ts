import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startLocalCloud } from '../../../src/local-cloud/index.ts'
import { silent } from '../../helpers/context.ts'
import { accountId, clientOf, token } from '../harness.ts'
import { type Site, uploadSite, visit } from './site.ts'

const directory = mkdtempSync(join(tmpdir(), 'local-cloud-assets-'))
const start = async () => {
  const local = await startLocalCloud({
    host: '127.0.0.1',
    port: 0,
    dataDir: directory,
    token,
    accountId,
    log: silent,
  })
  return { ...local, ...clientOf(local) }
}
let cloud: Awaited<ReturnType<typeof start>>
beforeAll(async () => {
  cloud = await start()
})
afterAll(async () => {
  await cloud.stop()
  rmSync(directory, { recursive: true, force: true })
})

const site: Site = {
  '/index.html': '<p>home</p>',
  '/about.html': '<p>about</p>',
  '/404.html': '<p>nothing here</p>',
  '/docs/index.html': '<p>docs</p>',
  '/app.css': { content: 'body{}', type: 'text/css; charset=utf-8' },
  '/note.txt': { content: 'body{}', type: 'text/plain; charset=utf-8' },
  '/data': { content: Buffer.from([0, 255, 1]), type: 'application/null' },
  '/ä b/[x].json': { content: '{}', type: 'application/json' },
}

const code = `export default {
  async fetch(request, env) {
    const url = new URL(request.url)
    if (url.pathname === '/from-code') return env.ASSETS.fetch(new URL('/about', url))
    return new Response('code ' + url.pathname)
  },
}`
const main = [{ name: 'main.js', content: code }]
const binding = { type: 'assets', name: 'ASSETS' }

/** Deploys a Worker with assets and code. */
async function deploy(name: string, files: Site, config: object) {
  const { jwt } = await uploadSite(cloud, name, files)
  const reply = await cloud.put(name, { bindings: [binding], assets: { jwt, config } }, main)
  expect([reply.status, reply.message]).toEqual([200, ''])
  await cloud.publish(name)
  return reply
}

test('a Worker of assets only has no module and serves files, redirects, headers and the 404 page', async () => {
  const { jwt } = await uploadSite(cloud, 'pages', site)
  const config = {
    not_found_handling: '404-page',
    _redirects: '# moved\n/old /about 301\n/news/* /docs/:splat\n',
    _headers: '/*\n  X-Site: yes\n/app.css\n  Cache-Control: max-age=60\n  ! X-Site\n',
  }
  const body = new FormData()
  body.set('metadata', JSON.stringify({ compatibility_date: '2026-01-01', assets: { jwt, config } }))
  const reply = await cloud.call('PUT', `/accounts/${accountId}/workers/scripts/pages`, body)
  expect(reply).toMatchObject({ status: 200, result: { has_assets: true, has_modules: false } })
  await cloud.publish('pages')

  const home = await visit(cloud, 'pages', '/')
  expect(home).toMatchObject({ status: 200, text: '<p>home</p>' })
  expect(home.headers).toMatchObject({ 'content-type': 'text/html; charset=utf-8', 'x-site': 'yes' })
  expect(await visit(cloud, 'pages', '/about.html')).toMatchObject({
    status: 307,
    headers: { location: '/about' },
  })
  expect(await visit(cloud, 'pages', '/old')).toMatchObject({ status: 301, headers: { location: '/about' } })
  expect(await visit(cloud, 'pages', '/news/a')).toMatchObject({
    status: 302,
    headers: { location: '/docs/a' },
  })
  expect(await visit(cloud, 'pages', '/missing')).toMatchObject({ status: 404, text: '<p>nothing here</p>' })
  const css = await visit(cloud, 'pages', '/app.css')
  expect(css.headers).toMatchObject({
    'content-type': 'text/css; charset=utf-8',
    'cache-control': 'max-age=60',
  })
  expect(css.headers['x-site']).toBeUndefined()
  expect((await visit(cloud, 'pages', '/note.txt')).headers['content-type']).toBe('text/plain; charset=utf-8')
  expect((await visit(cloud, 'pages', '/data')).headers['content-type']).toBeUndefined()
  expect(await visit(cloud, 'pages', '/%C3%A4%20b/%5Bx%5D.json')).toMatchObject({ status: 200, text: '{}' })
  const etag = String(home.headers.etag)
  expect((await visit(cloud, 'pages', '/', { 'if-none-match': etag })).status).toBe(304)
})

test('a Worker with code serves its assets first and passes other requests to the code', async () => {
  await deploy('both', site, {})
  expect((await visit(cloud, 'both', '/about')).text).toBe('<p>about</p>')
  expect((await visit(cloud, 'both', '/elsewhere')).text).toBe('code /elsewhere')
  expect((await visit(cloud, 'both', '/from-code')).text).toBe('<p>about</p>')
})

test('run_worker_first sends all requests, or those of its rules, to the code', async () => {
  await deploy('first', site, { run_worker_first: true })
  expect((await visit(cloud, 'first', '/about')).text).toBe('code /about')
  await deploy('first', site, {
    run_worker_first: ['/docs/*', '!/docs/keep'],
    not_found_handling: 'single-page-application',
  })
  expect((await visit(cloud, 'first', '/docs/')).text).toBe('code /docs/')
  expect((await visit(cloud, 'first', '/about')).text).toBe('<p>about</p>')
  expect((await visit(cloud, 'first', '/docs/keep')).text).toBe('<p>home</p>')
})

test('html_handling decides about trailing slashes', async () => {
  await deploy('slashes', site, { html_handling: 'force-trailing-slash' })
  expect((await visit(cloud, 'slashes', '/about/')).text).toBe('<p>about</p>')
  await deploy('slashes', site, { html_handling: 'none' })
  expect((await visit(cloud, 'slashes', '/about')).text).toBe('code /about')
  expect((await visit(cloud, 'slashes', '/about.html')).text).toBe('<p>about</p>')
})

test('assets survive a restart of the cloud', async () => {
  await deploy('durable', site, {})
  await cloud.stop()
  cloud = await start()
  expect((await visit(cloud, 'durable', '/about')).text).toBe('<p>about</p>')
  expect((await uploadSite(cloud, 'durable', site)).missing).toEqual([])
})

test.each([
  ['single-page-application', '/docs/deep/link', { status: 200, text: 'the app' }],
  ['404-page', '/docs/deep/link', { status: 404, text: 'not here' }],
  ['404-page', '/docs/', { status: 200, text: 'the app' }],
])('below a base path, %s serves its page for %s', async (handling, path, expected) => {
  const files = { '/index.html': 'the app', '/404.html': 'not here' }
  const { jwt } = await uploadSite(cloud, 'based', files)
  const config = { base_path: '/docs', not_found_handling: handling }
  const body = new FormData()
  body.set('metadata', JSON.stringify({ compatibility_date: '2026-01-01', assets: { jwt, config } }))
  await cloud.call('PUT', `/accounts/${accountId}/workers/scripts/based`, body)
  await cloud.publish('based')
  expect(await visit(cloud, 'based', path)).toMatchObject(expected)
})
