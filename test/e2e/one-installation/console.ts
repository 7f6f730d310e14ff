import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { queueNames } from '../../../src/catalog.ts'
import type { Stack } from '../../helpers/stack.ts'
import { until } from '../../helpers/until.ts'
import { type Browser, browserHeaders, signInBrowser } from '../support/browser.ts'
import { type Api, adminPassword, query, saying } from '../support/client.ts'
import { createGate, type Gate } from '../support/gate.ts'
import type { GetInstallation } from '../support/installation.ts'

const base = '/admin/queues'
const maintenance = `${base}/api/queues/maintenance`
const steps = `${base}/api/queues/deploy-step`

export function consoleTests(get: GetInstallation): void {
  describe('the console', () => {
    let stack: Stack
    let api: Api
    let gate: Gate
    let admin: Browser

    beforeAll(async () => {
      gate = await createGate()
      ;({ stack, api } = get())
      await query(
        stack,
        `insert into users (id, username, email, password_hash, rate_limit_per_second, rate_limit_burst)
         select gen_random_uuid(), 'viewer', 'viewer@example.org', password_hash, 100, 500 from users where username = 'admin'`,
      )
      admin = await signInBrowser({ stack, api }, 'admin', `${base}/queue/deploy-step`)
    })

    beforeEach(() => gate.shut())

    afterAll(() => gate?.close())

    const write = (path: string, method = 'PUT', json?: unknown) =>
      admin.call(path, {
        method,
        headers: { 'x-csrf-token': admin.csrf },
        ...(json === undefined ? {} : { json }),
      })

    const audit = () =>
      query<{ principal: string; action: string; target: string; outcome: string }>(
        stack,
        "select principal, action, target, outcome from audit_entries where action like 'console %' order by id",
      )

    /** The queue store's delivery of a deployment's newest job. */
    async function deliveryOf(id: string) {
      const [row] = await query<{ id: string; delivery: number }>(
        stack,
        'select id, delivery from jobs where subject = $1 order by created_at desc limit 1',
        [`deployment:${id}`],
      )
      return `${row?.id}-${row?.delivery}`
    }

    describe('access to the console', () => {
      test('a browser without a session is redirected to the sign-in page, and then to the requested page', async () => {
        const page = `${base}/queue/deploy-step?status=failed`
        const answer = await api.call(page, { token: null, headers: browserHeaders })
        expect(answer.status).toBe(302)
        expect(answer.headers.get('location')).toBe(`/login?next=${encodeURIComponent(page)}`)
        const login = await api.call(answer.headers.get('location') ?? '', {
          token: null,
          headers: browserHeaders,
        })
        expect(login.status).toBe(200)
        expect(login.text).toContain('<form')
        expect(admin.at).toBe(`${base}/queue/deploy-step`)
      })

      test('a request without a credential gets 401 in the error envelope', async () => {
        for (const path of [base, `${base}/api/queues`]) {
          const answer = await api.call(path, { token: null, headers: { accept: 'application/json' } })
          expect([answer.status, answer.json.error.code]).toEqual([401, 'ACCESS_001'])
        }
      })

      test('a user who is not an administrator gets 403, by session and by token', async () => {
        const viewer = await signInBrowser({ stack, api }, 'viewer', base)
        for (const path of [base, `${base}/api/queues`]) {
          expect((await viewer.call(path, { headers: browserHeaders })).status).toBe(403)
        }
      })

      test('a session gives access to the page, its assets and its API, none of which is cached', async () => {
        const page = await admin.call(base, { headers: browserHeaders })
        expect(page.status).toBe(200)
        expect(page.text).toContain('Capstan')
        expect(page.headers.get('cache-control')).toBe('no-store')
        const asset = /(?:src|href)="([^"]+\.(?:js|css))"/.exec(page.text)?.[1] ?? ''
        const url = new URL(asset, `${stack.origin}${base}/`)
        expect((await admin.call(url.pathname)).status).toBe(200)
        const { queues } = (await admin.call(`${base}/api/queues`)).json
        expect(queues.map((queue: { name: string }) => queue.name).sort()).toEqual(queueNames.toSorted())
      })

      test('a sign-in form on another site is refused', async () => {
        const form = new URLSearchParams({ username: 'admin', password: adminPassword }).toString()
        const headers = {
          'content-type': 'application/x-www-form-urlencoded',
          origin: 'https://evil.example',
        }
        expect((await api.call('/login', { token: null, raw: form, headers })).status).toBe(403)
      })
    })

    describe('writes in the console', () => {
      test('require the CSRF token', async () => {
        for (const headers of [{}, { 'x-csrf-token': 'wrong' }]) {
          const answer = await admin.call(`${steps}/pause`, { method: 'PUT', headers })
          expect([answer.status, answer.json.error.code]).toEqual([403, 'ACCESS_003'])
        }
        expect(await audit()).toEqual([])
      })

      test('that would contradict the jobs table are refused and recorded in the audit log', async () => {
        const ended = await api.deploy({ app: 'refused', script: saying('x') })
        const delivery = await deliveryOf(ended.id)
        const refused: [string, string, unknown?][] = [
          ['PUT', `${steps}/empty`],
          ['PUT', `${steps}/obliterate`],
          ['PUT', `${steps}/promote`],
          ['PUT', `${steps}/retry/failed`],
          ['PUT', `${steps}/clean/wait`],
          ['PUT', `${steps}/clean/active`],
          ['PUT', `${steps}/clean/delayed`],
          ['PUT', `${steps}/${delivery}/promote`],
          ['PATCH', `${steps}/${delivery}/update-data`, { jobData: { job: 'another' } }],
          ['PATCH', `${steps}/${delivery}/delay`, { delay: 1 }],
          ['PATCH', `${steps}/${delivery}/priority`, { priority: 1 }],
          ['POST', `${steps}/add`, { name: 'deploy-step', data: {}, options: {} }],
          ['PUT', `${steps}/concurrency`, { concurrency: 1 }],
          ['PUT', `${steps}/rate-limit`, { max: 1, duration: 1 }],
          ['PUT', `${maintenance}/job-schedulers/prune/remove`],
          ['PUT', `${maintenance}/job-schedulers/prune/run`],
          ['PATCH', `${maintenance}/job-schedulers/prune`, {}],
          ['DELETE', `${steps}/${delivery}`],
        ]
        for (const [method, path, json] of refused) {
          const answer = await write(path, method, json)
          expect([method, path, answer.status, answer.json.error.code]).toEqual([
            method,
            path,
            403,
            'ACCESS_003',
          ])
        }
        const recorded = await audit()
        expect(recorded).toEqual(
          refused.map(([method, path]) => ({
            principal: 'admin',
            action: `console ${method}`,
            target: path.slice(base.length),
            outcome: 'refused',
          })),
        )
      })

      test('retry uses Capstan’s own command, which says why it refuses', async () => {
        const ended = await api.deploy({ app: 'broken', script: 'export default {' })
        const delivery = await deliveryOf(ended.id)
        const answer = await write(`${steps}/${delivery}/retry`)
        expect([answer.status, answer.json.error.code]).toEqual([409, 'STATE_001'])
        expect(answer.json.error.suggestedAction).toMatch(/prepare and deploy again/)
        expect((await api.status(ended.id)).status).toBe('failed')
        const unknown = await write(`${steps}/00000000-0000-4000-8000-000000000000-1/retry`)
        expect(unknown.status).toBe(404)
        expect((await write(`${steps}/repeat:prune:1/retry`)).status).toBe(409)
      })

      test('removing a running job cancels it, and the deployment is rolled back', async () => {
        const id = await api.begin({ app: 'removed', ...gate.app('removed') })
        await gate.waiting(1, 'removed')
        const delivery = await deliveryOf(id)
        expect((await write(`${steps}/${delivery}/clean`)).status).toBe(204)
        const ended = await api.follow(id)
        expect(ended.status).toBe('rolled_back')
        expect((await audit()).at(-1)).toEqual({
          principal: 'admin',
          action: 'console PUT',
          target: `/api/queues/deploy-step/${delivery}/clean`,
          outcome: 'done',
        })
      })

      test('cleaning up finished deliveries changes no row of the jobs table', async () => {
        const rows = () =>
          query<{ n: string }>(stack, "select count(*) as n from jobs where queue = 'deploy-step'")
        const before = await rows()
        expect((await write(`${steps}/clean/completed`)).status).toBe(200)
        expect(await rows()).toEqual(before)
        expect((await audit()).at(-1)).toMatchObject({ outcome: 'forwarded' })
      })

      test('a paused queue holds deployments until it is resumed', async () => {
        expect((await write(`${steps}/pause`)).status).toBe(200)
        const id = await api.begin({ app: 'paused', script: saying('paused') })
        await until(async () => {
          const [row] = await query(stack, 'select id from jobs where subject = $1 and not undelivered', [
            `deployment:${id}`,
          ])
          return row
        })
        expect((await api.status(id)).status).toBe('initiated')
        expect((await write(`${steps}/resume`)).status).toBe(200)
        expect((await api.follow(id)).status).toBe('completed')
        expect((await audit()).slice(-2).map((entry) => entry.outcome)).toEqual(['forwarded', 'forwarded'])
      })
    })

    test('the data of a job in the queue store is shown redacted', async () => {
      const ended = await api.deploy({ app: 'shown', script: saying('shown') })
      const delivery = await deliveryOf(ended.id)
      const secret = 'cfut_abcdefghijklmnopqrstuvwxyz0123456789'
      await query(
        stack,
        `update bullmq.job set failed_reason = 'password=' || $1, return_value = to_jsonb($1::text),
           stacktrace = jsonb_build_array($1::text), data = data || jsonb_build_object('password', $1::text),
           progress = to_jsonb('token: ' || $1), opts = opts || jsonb_build_object('telemetry', $1::text)
         where id = $2`,
        [secret, delivery],
      )
      await query(
        stack,
        `insert into bullmq.job_log (queue, job_id, idx, row) values ('deploy-step', $2, 0, 'Bearer ' || $1)`,
        [secret, delivery],
      )
      const paths = [
        `${steps}/${delivery}`,
        `${steps}/${delivery}/logs`,
        `${base}/api/queues?activeQueue=deploy-step&status=latest`,
      ]
      for (const path of paths) {
        const answer = await admin.call(path)
        expect([path, answer.status]).toEqual([path, 200])
        expect(answer.text).not.toContain(secret)
      }
      const { job } = (await admin.call(paths[0] ?? '')).json
      // The reference to the row and the row's fields, but no data from the queue store.
      expect(Object.keys(job.data)).toEqual(['job', 'app', 'environment', 'step', 'state'])
    })

    test('a cookie gives no access after its session has signed out', async () => {
      const headers = { 'content-type': 'application/x-www-form-urlencoded', origin: stack.origin }
      const answer = await admin.call('/logout', { raw: `csrf_token=${admin.csrf}`, headers })
      expect(answer.status).toBe(303)
      expect((await admin.call(`${base}/api/queues`)).status).toBe(401)
    })
  })
}
