import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Stack } from '../../helpers/stack.ts'
import { until } from '../../helpers/until.ts'
import { type Api, hello, saying, scriptsOf, visit } from '../support/client.ts'
import { createGate, type Gate } from '../support/gate.ts'
import type { GetInstallation } from '../support/installation.ts'

const syntaxError = 'export default { fetch( { return new Response("never") } }'
const throwsAtStart = 'throw new Error("not today")\nexport default { fetch: () => new Response("never") }'
/** An app that works except for its health page. */
const unhealthy = (text: string) => `
export default {
  fetch: (request) =>
    new Response(${JSON.stringify(text)}, { status: new URL(request.url).pathname === '/health' ? 500 : 200 })
}`
const healthCheck = { path: '/health', timeoutSeconds: 2 }

export function brokenVersionTests(get: GetInstallation): void {
  describe('a broken version', () => {
    let stack: Stack
    let api: Api
    let gate: Gate

    beforeAll(async () => {
      gate = await createGate()
      ;({ stack, api } = get())
    })

    afterAll(() => gate?.close())

    /** Requests an app without a pause until it is stopped. @returns the texts in order, without repetitions. */
    function visitor(app: string) {
      const failed: unknown[] = []
      const texts: string[] = []
      let calls = 0
      let stopped = false
      const visiting = (async () => {
        while (!stopped) {
          calls++
          try {
            const { status, text } = await visit(stack, app)
            if (status !== 200) failed.push(`${status} ${text}`)
            else if (texts.at(-1) !== text) texts.push(text)
          } catch (error) {
            failed.push(error)
          }
        }
      })()
      return {
        calls: () => calls,
        async stop() {
          stopped = true
          await visiting
          return { failed, texts }
        },
      }
    }

    async function deployWhileVisited(
      app: string,
      about: { script: string; config?: Record<string, unknown> },
    ) {
      const visits = visitor(`${app}-staging`)
      const ended = await api.deploy({ app, ...about })
      const seen = visits.calls()
      await until(() => visits.calls() > seen + 5)
      return { ended, visits: await visits.stop() }
    }

    test.each([
      ['a syntax error', syntaxError, 'syntax'],
      ['an error at its start', throwsAtStart, 'throws'],
    ])(
      'a version with %s is refused by the cloud, and the old one serves all the time',
      async (_, script, app) => {
        const good = await api.deploy({ app, script: saying('good') })
        const { ended, visits } = await deployWhileVisited(app, { script })
        expect(ended.status).toBe('failed')
        expect(visits).toEqual({ failed: [], texts: ['good'] })

        const status = await api.status(ended.id)
        expect(status.error).toMatchObject({ code: 'DEPLOY_001' })
        expect(status.currentStep).toMatchObject({ step: 'deploy_worker', status: 'failed', attempt: 1 })
        expect(status.progress).toMatchObject({ current: 4, total: 8 })
        expect((await api.versions(app)).map((each) => each.deploymentId)).toEqual([good.id])
      },
    )

    test('a version whose health page answers 500 is rolled back before it answers a user', async () => {
      const app = 'sick'
      const good = await api.deploy({ app, script: saying('good') })
      const { ended, visits } = await deployWhileVisited(app, {
        script: unhealthy('sick'),
        config: { healthCheck },
      })
      expect(ended.status).toBe('rolled_back')
      expect(visits).toEqual({ failed: [], texts: ['good'] })

      const status = await api.status(ended.id)
      expect(status.error).toMatchObject({ code: 'DEPLOY_006' })
      expect(status.error.message).toContain('answered 500')
      expect(await api.versions(app)).toMatchObject([
        { deploymentId: ended.id, state: 'quarantined' },
        { deploymentId: good.id, state: 'serving' },
      ])
    })

    test.concurrent('a version whose health page never answers is rolled back within its time limit', async () => {
      const app = 'silent'
      await api.deploy({ app, script: saying('good') })
      const { script } = gate.app('silent')
      const ended = await api.deploy({ app, script, config: { healthCheck } })
      expect(ended.status).toBe('rolled_back')
      expect((await api.status(ended.id)).error.message).toContain('no answer in time')
      expect((await visit(stack, `${app}-staging`)).text).toBe('good')
    })

    test.concurrent('a failed version without rollbackOnFailure stays without traffic', async () => {
      const app = 'kept'
      await api.deploy({ app, script: saying('good') })
      const script = unhealthy('kept')
      const ended = await api.deploy({
        app,
        script,
        config: { healthCheck },
        options: { rollbackOnFailure: false },
      })
      expect(ended.status).toBe('failed')
      expect((await visit(stack, `${app}-staging`)).text).toBe('good')
    })

    test.concurrent('a rollback removes the version’s variables and keeps the data of the app', async () => {
      const app = 'counted'
      await api.deploy({ app, ...hello })
      await visit(stack, `${app}-staging`, '/a')
      const ended = await api.deploy({
        app,
        script: hello.script,
        config: {
          ...hello.config,
          environmentVars: { GREETING: 'Broken' },
          healthCheck: { ...healthCheck, expectStatus: 299 },
        },
      })
      expect(ended.status).toBe('rolled_back')
      expect((await visit(stack, `${app}-staging`, '/a')).text).toBe('Hello from /a, visit 2\n')
    })

    test.concurrent.each([
      ['a syntax error', 'new-syntax', { script: syntaxError }, 'failed'],
      ['a bad health page', 'new-sick', { script: unhealthy('x'), config: { healthCheck } }, 'rolled_back'],
      [
        'a bad health page and a Durable Object',
        'new-class',
        {
          script: hello.script,
          config: { ...hello.config, healthCheck: { ...healthCheck, expectStatus: 299 } },
        },
        'rolled_back',
      ],
    ])('a first deployment that fails by %s leaves no script behind', async (_, app, about, status) => {
      const ended = await api.deploy({ app, ...about })
      expect(ended.status).toBe(status)
      expect(await scriptsOf(stack)).not.toContain(`${app}-staging`)
      expect((await visit(stack, `${app}-staging`)).status).toBe(404)

      const again = await api.deploy({ app, ...hello })
      expect(again.status).toBe('completed')
      expect((await visit(stack, `${app}-staging`, '/a')).text).toBe('Hello from /a, visit 1\n')
    })
  })
}
