import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Stack } from '../../helpers/stack.ts'
import { type Api, query, saying, scriptsOf } from '../support/client.ts'
import { createGate, type Gate } from '../support/gate.ts'
import type { GetInstallation } from '../support/installation.ts'
import { badTokens, expectRefusal, fieldsOf } from '../support/refusals.ts'

export function badInputTests(get: GetInstallation): void {
  describe('bad input', () => {
    let stack: Stack
    let api: Api
    let gate: Gate
    /** The length of what the processes printed before these tests. */
    let saidBefore: number

    beforeAll(async () => {
      gate = await createGate()
      ;({ stack, api } = get())
      saidBefore = stack.output().length
    })

    afterAll(() => gate?.close())

    const config = { appName: 'fine', script: saying('fine') }
    const prepare = (json: unknown) => api.call('/deploy/prepare', { json })

    describe('a body', () => {
      test('that is not JSON gets 400', async () => {
        const headers = { 'content-type': 'application/json' }
        expectRefusal(await api.call('/deploy/prepare', { raw: '{"environment": ', headers }), 400, 'REQ_001')
        expectRefusal(await api.call('/deploy/prepare', { raw: '"text"', headers }), 400, 'REQ_001')
      })

      test('of another type gets 415, and a missing one gets 400', async () => {
        const headers = { 'content-type': 'application/x-yaml' }
        expectRefusal(await api.call('/deploy/prepare', { raw: 'a: 1', headers }), 415, 'REQ_005')
        expectRefusal(await api.call('/deploy', { method: 'POST' }), 400, 'REQ_002')
      })

      test('with unknown fields gets an error that names them and echoes no value', async () => {
        const answer = await prepare({
          environment: 'staging',
          config: {
            ...config,
            scirpt: 'a-value-nobody-wants-to-see-again',
            healthCheck: { paht: 'another-value' },
          },
          extra: 'a-third-value',
        })
        expectRefusal(answer, 400, 'REQ_002')
        expect(fieldsOf(answer).sort()).toEqual(['config.healthCheck.paht', 'config.scirpt', 'extra'])
        expect(answer.text).not.toMatch(/nobody-wants|another-value|third-value/)
      })

      test.each([
        ['a name with capitals', { appName: 'Fine' }, 'config.appName'],
        ['a name that ends like a staging script', { appName: 'fine-staging' }, 'config.appName'],
        ['a class that is no identifier', { durableObjects: ['no good'] }, 'config.durableObjects.0'],
        ['a variable of 6 KB', { environmentVars: { BIG: 'x'.repeat(6000) } }, 'config.environmentVars.BIG'],
        [
          'two bindings of one name',
          { durableObjects: ['Chat'], secrets: { CHAT: 'x' } },
          'config.secrets.CHAT',
        ],
        ['a health path without a slash', { healthCheck: { path: 'health' } }, 'config.healthCheck.path'],
        ['script and modules', { modules: [{ name: 'a.js', type: 'esm', content: '' }] }, 'config.modules'],
        [
          'an unknown old class',
          { migrations: { renamedClasses: [{ from: 'A', to: 'B' }] } },
          'config.durableObjects',
        ],
      ])('with %s is 400 and names the field', async (_, part, field) => {
        const answer = await prepare({ environment: 'staging', config: { ...config, ...part } })
        expectRefusal(answer, 400, 'REQ_002')
        expect(fieldsOf(answer)).toContain(field)
      })

      test.each(['__proto__', 'constructor'])('with a variable named %s gets 200 or 400', async (name) => {
        const vars = `{"environment":"staging","config":{"appName":"fine","script":"x","environmentVars":{"${name}":"1"}}}`
        const headers = { 'content-type': 'application/json' }
        const answer = await api.call('/deploy/prepare', { raw: vars, headers })
        expect([200, 400]).toContain(answer.status)
      })

      test('with an invalid image reference gets 400 and the name of the field', async () => {
        const answer = await prepare({
          environment: 'staging',
          config: { appName: 'fine', containerImage: 'Not an image' },
        })
        expectRefusal(answer, 400, 'REQ_002')
        expect(fieldsOf(answer)).toEqual(['config.containerImage'])
      })

      test('over its limit gets 413: 16 MiB to prepare, 1 MiB to deploy', async () => {
        const big = (mib: number) => JSON.stringify({ script: 'x'.repeat(mib * 1024 * 1024) })
        const headers = { 'content-type': 'application/json' }
        expectRefusal(await api.call('/deploy/prepare', { raw: big(16), headers }), 413, 'REQ_004')
        expectRefusal(await api.call('/deploy', { raw: big(1), headers }), 413, 'REQ_004')
      })
    })

    describe('a path', () => {
      test('that is unknown gets 404, and so does a well-formed id that does not exist', async () => {
        const id = randomUUID()
        for (const path of ['/', '/nothing', `/deploy/${id}/status`, `/deploy/${id}/logs`, `/jobs/${id}`]) {
          expectRefusal(await api.call(path), 404, 'SYS_005')
        }
        const json = { deploymentId: id, environment: 'staging' }
        expectRefusal(await api.call('/deploy', { json }), 404, 'SYS_005')
      })

      test('with a malformed id gets 400', async () => {
        for (const path of [
          '/deploy/1/status',
          '/deploy/%00/logs',
          '/jobs/x',
          '/deploy?limit=0',
          '/jobs?cursor=x',
        ]) {
          expectRefusal(await api.call(path), 400, 'REQ_002')
        }
        expectRefusal(await api.call('/deploy/%E0%A4%A/status'), 400, 'REQ_001')
      })

      test('requested by the wrong method gets 405 and the allowed methods', async () => {
        const answer = await api.call('/deploy/prepare', { method: 'DELETE' })
        expectRefusal(answer, 405, 'REQ_003')
        expect(answer.headers.get('allow')).toBe('POST')
        expect((await api.call('/health', { method: 'POST' })).headers.get('allow')).toBe('GET, HEAD')
      })
    })

    describe('a deployment', () => {
      test('of an app that is being deployed gets 409 with the running one; repeating an id starts nothing', async () => {
        const held = { app: 'held', ...gate.app('held') }
        const holder = await api.begin(held)
        await gate.waiting()
        const second = await api.prepare(held)
        const refused = await api.start(second)
        expectRefusal(refused, 409, 'STATE_001')
        expect(refused.json.error.details.deploymentId).toBe(holder)

        const repeated = await api.start(holder)
        expect(repeated.status).toBe(202)
        expect(repeated.json.data).toMatchObject({ deploymentId: holder, status: 'in_progress' })
        gate.open()
        expect((await api.follow(holder)).status).toBe('completed')

        const finished = await api.start(holder)
        expect(finished.json.data).toMatchObject({ deploymentId: holder, status: 'completed' })
        expect((await api.call(`/jobs?subject=deployment:${holder}`)).json.jobs).toHaveLength(8)
        expect((await api.deploy(held)).status).toBe('completed')
      })

      test('started by concurrent requests runs once', async () => {
        const id = await api.prepare({ app: 'rushed', script: saying('rushed') })
        const answers = await Promise.all(Array.from({ length: 10 }, () => api.start(id)))
        expect(answers.map((answer) => answer.status)).toEqual(Array(10).fill(202))
        expect((await api.follow(id)).status).toBe('completed')
        expect((await api.call(`/jobs?subject=deployment:${id}`)).json.jobs).toHaveLength(8)
      })

      test('is started for only one of two plans that are sent concurrently for one app', async () => {
        const about = { app: 'contested', script: saying('x') }
        const ids = await Promise.all([api.prepare(about), api.prepare(about)])
        const answers = await Promise.all(ids.map((id) => api.start(id)))
        expect(answers.map((answer) => answer.status).sort()).toEqual([202, 409])
        await api.follow(ids[answers.findIndex((answer) => answer.status === 202)] ?? '')
      })

      test('of an expired plan gets 409', async () => {
        const id = await api.prepare({ app: 'late', script: saying('late') })
        await query(stack, `update plans set expires_at = now() - interval '1 second' where id = $1`, [id])
        expectRefusal(await api.start(id), 409, 'STATE_001')
        expect((await api.call(`/deploy/${id}/status`)).status).toBe(404)
      })

      test('in another environment than the plan’s gets 400', async () => {
        const id = await api.prepare({ app: 'elsewhere', script: saying('x') })
        const answer = await api.start(id, { environment: 'production' })
        expectRefusal(answer, 400, 'REQ_002')
        expect(fieldsOf(answer)).toEqual(['environment'])
        expect(await scriptsOf(stack)).not.toContain('elsewhere')
      })
    })

    describe('a caller', () => {
      test('without a credential, or with a damaged or expired one, gets 401', async () => {
        const none = await api.call('/deploy', { token: null })
        expectRefusal(none, 401, 'ACCESS_001')
        expect(none.headers.get('www-authenticate')).toMatch(/^Bearer/)

        const bad = await badTokens(stack, api.token)
        for (const [name, token] of Object.entries(bad)) {
          const answer = await api.call('/deploy', { token })
          expect([name, answer.status, answer.json.error.code]).toEqual([name, 401, 'ACCESS_002'])
          expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer/)
          expect(answer.text).not.toContain(token.slice(0, 40).padEnd(8, '#'))
        }
      })

      test('with a token for staging is refused in production, with the name of the environment', async () => {
        const scopes = ['deployments:read', 'deployments:write:staging']
        const made = await api.call('/api/v1/auth/tokens', { json: { name: 'staging', scopes } })
        const { token } = made.json
        const production = { environment: 'production', config }
        const refused = await api.call('/deploy/prepare', { token, json: production })
        expectRefusal(refused, 403, 'ACCESS_003')
        expect(refused.json.error.details).toMatchObject({ environment: 'production' })

        const plan = await api.prepare({ app: 'fine', environment: 'production', script: config.script })
        const start = { deploymentId: plan, environment: 'production' }
        expectRefusal(await api.call('/deploy', { token, json: start }), 403, 'ACCESS_003')
        const staging = { environment: 'staging', config }
        expect((await api.call('/deploy/prepare', { token, json: staging })).status).toBe(200)
        expectRefusal(await api.call('/jobs', { token }), 403, 'ACCESS_003')
        expectRefusal(await api.call('/admin/queues/api/queues', { token }), 403, 'ACCESS_003')
      })

      test('with read permission only gets 403 before the body is validated', async () => {
        const made = await api.call('/api/v1/auth/tokens', {
          json: { name: 'reader', scopes: ['deployments:read'] },
        })
        const answer = await api.call('/deploy/prepare', { token: made.json.token, raw: '{' })
        expectRefusal(answer, 403, 'ACCESS_003')
      })

      test('repeating a prepare with its Idempotency-Key gets the same plan, and 422 for another body', async () => {
        const headers = { 'idempotency-key': randomUUID() }
        const json = {
          environment: 'staging',
          config: { ...config, secrets: { KEY: 'hidden-in-the-key-test' } },
        }
        const first = await api.call('/deploy/prepare', { json, headers })
        const again = await api.call('/deploy/prepare', { json, headers })
        expect(again.json.data).toEqual(first.json.data)
        const other = { ...json, environment: 'production' }
        expectRefusal(await api.call('/deploy/prepare', { json: other, headers }), 422, 'REQ_006')
        const kept = await query(stack, 'select * from idempotency_keys')
        expect(JSON.stringify(kept)).not.toContain('hidden-in-the-key-test')
      })
    })

    test('no invalid request caused an internal error, and the log contains no value of them', () => {
      const said = stack.output().slice(saidBefore)
      expect(said).not.toContain('"level":"error"')
      expect(said).not.toMatch(/nobody-wants|another-value|third-value|hidden-in-the-key/)
    })
  })
}
