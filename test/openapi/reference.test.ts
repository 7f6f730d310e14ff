import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Api, startApi } from '../helpers/api.ts'
import { createTestContext, type TestContext } from '../helpers/context.ts'

describe('the reference of the API', () => {
  let ctx: TestContext
  let api: Api
  let token: string

  beforeAll(async () => {
    ctx = await createTestContext()
    api = await startApi(ctx)
    token = await api.signIn('reader')
  })
  afterAll(async () => {
    await api?.stop()
    await ctx?.dispose()
  })

  it('is the document in the repository, once for a client that keeps it', async () => {
    const first = await api.call('/openapi.json', { token })
    expect([first.status, first.json.openapi]).toEqual([200, '3.1.0'])
    const etag = first.headers.get('etag') ?? ''
    const again = await api.call('/openapi.json', { token, headers: { 'if-none-match': etag } })
    expect([again.status, again.text]).toEqual([304, ''])
  })

  it('is for signed-in callers only', async () => {
    for (const path of ['/openapi.json', '/docs', '/docs/start.js', '/docs/swagger-ui.css']) {
      const answer = await api.call(path)
      expect([path, answer.status, answer.json.error.code]).toEqual([path, 401, 'ACCESS_001'])
      const revoked = await api.call(path, { token: 'ora_nobody' })
      expect([path, revoked.status, revoked.json.error.code]).toEqual([path, 401, 'ACCESS_002'])
    }
  })

  it('leads a browser to the sign-in page and back', async () => {
    const accept = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' }
    const page = await api.call('/docs', { headers: accept })
    expect([page.status, page.headers.get('location')]).toEqual([302, '/login?next=%2Fdocs'])
    const script = await api.call('/docs/start.js', { headers: { accept: '*/*' } })
    expect(script.status).toBe(401)
    const program = await api.call('/docs', { token: 'ora_nobody', headers: accept })
    expect(program.status).toBe(401)
  })

  it('is a page whose parts are all files of this service, with no inline script', async () => {
    const page = await api.call('/docs', { token })
    expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8')
    expect(page.headers.get('content-security-policy')).toContain("default-src 'self'")
    const parts = [...page.text.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, path = '']) => path)
    expect(page.text.match(/<script>/)).toBeNull()
    for (const path of parts.filter((each) => !each.startsWith('data:'))) {
      const part = await api.call(path, { token })
      expect([path, part.status]).toEqual([path, 200])
    }
    expect(parts).toContain('/docs/swagger-ui-bundle.js')
  })

  it('has no other files', async () => {
    for (const name of ['index.html', 'package.json', '..%2f..%2fpackage.json', 'swagger-ui.js']) {
      expect([name, (await api.call(`/docs/${name}`, { token })).status]).toEqual([name, 400])
    }
  })
})
