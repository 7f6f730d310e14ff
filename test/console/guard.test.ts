import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { queueNames } from '../../src/catalog.ts'
import { base, type ConsoleWorld, startConsole } from './harness.ts'

let world: ConsoleWorld
beforeAll(async () => {
  world = await startConsole()
})
afterAll(() => world.stop())

const html = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' }

describe('a console request without a credential', () => {
  test.each(['', '/', '/queue/deploy-step', '/queue/deploy-step?status=failed'])(
    'redirects a browser that opens %j to the sign-in page, and back',
    async (path) => {
      const answer = await world.api.call(base + path, { headers: html })
      expect(answer.status).toBe(302)
      expect(answer.headers.get('location')).toBe(`/login?next=${encodeURIComponent(base + path)}`)
      expect(answer.headers.get('cache-control')).toBe('no-store')
    },
  )

  test.each([
    ['GET', '/api/queues', html],
    ['GET', '/', { accept: 'application/json' }],
    ['GET', '/', {}],
    ['PUT', '/api/queues/pause', html],
    ['POST', '/', html],
  ])('%s %s is 401 in the envelope (%o)', async (method, path, headers) => {
    const answer = await world.api.call(base + path, { method, headers })
    expect([answer.status, answer.json.error.code]).toEqual([401, 'ACCESS_001'])
    expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer/)
  })

  test('gets 401 for an invalid token, also for the page, because a script cannot use the form', async () => {
    const answer = await world.api.call(base, { token: 'ora_nonsense', headers: html })
    expect([answer.status, answer.json.error.code]).toEqual([401, 'ACCESS_002'])
  })

  test('gets 401 for the assets of the page', async () => {
    expect((await world.api.call(`${base}/static/js/main.js`)).status).toBe(401)
  })
})

describe('a console request with a credential', () => {
  test.each(['/', '/api/queues'])('gets 403 for %s without the permission', async (path) => {
    const byToken = await world.api.call(base + path, { token: world.user })
    expect([byToken.status, byToken.json.error.code]).toEqual([403, 'ACCESS_003'])
    const { cookie } = await world.browser('a-user')
    const bySession = await world.api.call(base + path, { headers: { ...html, cookie } })
    expect(bySession.status).toBe(403)
    expect(bySession.json.error.details.permission).toBe('console:admin')
  })

  test('requires the scope for an API token of an administrator', async () => {
    const make = async (scopes: string[]) =>
      (await world.api.call('/api/v1/auth/tokens', { token: world.admin, json: { name: scopes[0], scopes } }))
        .json.token
    const [reader, operator] = [await make(['jobs:read']), await make(['console:admin'])]
    expect((await world.api.call(`${base}/api/queues`, { token: reader })).status).toBe(403)
    expect((await world.api.call(`${base}/api/queues`, { token: operator })).status).toBe(200)
  })

  test('shows an administrator the page and every queue of the catalogue', async () => {
    const { cookie } = await world.browser('the-admin')
    const page = await world.api.call(base, { headers: { ...html, cookie } })
    expect(page.status).toBe(200)
    expect(page.text).toContain('Capstan')
    const list = await world.call('/api/queues')
    const names = list.json.queues.map((queue: { name: string }) => queue.name)
    expect(names.sort()).toEqual(queueNames.toSorted())
    expect(list.headers.get('cache-control')).toBe('no-store')
  })
})

describe('a console write with a session', () => {
  const path = `${base}/api/queues/maintenance/pause`
  const isPaused = () => world.ctx.queues.get('maintenance').isPaused()

  test('requires the CSRF token of the session', async () => {
    const { cookie } = await world.browser('the-admin')
    const other = await world.browser('a-user')
    for (const headers of [
      { cookie },
      { cookie, 'x-csrf-token': 'wrong' },
      { cookie, 'x-csrf-token': other.csrf },
    ]) {
      const answer = await world.api.call(path, { method: 'PUT', headers })
      expect([answer.status, answer.json.error.code]).toEqual([403, 'ACCESS_003'])
    }
    expect(await isPaused()).toBe(false)
    expect(await world.audit()).toEqual([])
  })

  test('is accepted with the CSRF token under either header name', async () => {
    const { cookie, csrf } = await world.browser('the-admin')
    const pause = await world.api.call(path, { method: 'PUT', headers: { cookie, 'x-xsrf-token': csrf } })
    expect(pause.status).toBeLessThan(300)
    expect(await isPaused()).toBe(true)
    const resume = path.replace('pause', 'resume')
    await world.api.call(resume, { method: 'PUT', headers: { cookie, 'x-csrf-token': csrf } })
    expect(await isPaused()).toBe(false)
    expect((await world.audit()).map((entry) => [entry.principal, entry.outcome])).toEqual([
      ['the-admin', 'forwarded'],
      ['the-admin', 'forwarded'],
    ])
  })
})
