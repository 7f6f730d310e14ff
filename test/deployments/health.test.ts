import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Agent } from 'undici'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createDeploymentHealth } from '../../src/deployments/routes/health.ts'
import type { Target, Targets } from '../../src/deployments/targets/targets.ts'
import { startFakeGitHub } from './github/fake-github.ts'
import { startWorld, type World } from './harness.ts'

let world: World
let github: Awaited<ReturnType<typeof startFakeGitHub>>
const dispatcher = new Agent()
beforeAll(async () => {
  github = await startFakeGitHub()
  world = await startWorld({ env: github.env })
})
afterAll(async () => {
  await world.stop()
  await github.stop()
  await dispatcher.destroy()
})

/** A health whose cloud answers as told. */
async function healthOf(answer: { status: number; headers?: Record<string, string>; delayMs?: number }) {
  let asked = 0
  const server = createServer((_req, res) => {
    asked += 1
    setTimeout(() => res.writeHead(answer.status, answer.headers).end(), answer.delayMs ?? 0)
  })
  server.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const targets = { of: async () => ({ baseUrl }) as Target } as unknown as Targets
  const health = createDeploymentHealth({
    ...{ db: world.ctx.db, targets, dispatcher, github: { configured: false, baseUrl } },
  })
  const stop = async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
  return { health, stop, asked: () => asked }
}

describe('GET /health/deployment', () => {
  test('checks each service without credentials, at most every 15 s', async () => {
    const first = await world.call('/health/deployment')
    expect(first.json.data).toEqual({
      healthy: true,
      services: {
        cloudflare: { status: 'healthy', responseTime: expect.any(Number), lastCheck: expect.any(String) },
        github: { status: 'healthy', responseTime: expect.any(Number), lastCheck: expect.any(String) },
        container_registry: { status: 'not_configured', responseTime: null, lastCheck: expect.any(String) },
      },
      activeDeployments: 0,
      queuedDeployments: 0,
    })
    const asked = () => [world.proxy.made('GET', /^\/ips$/).length, github.made('GET', /^\/meta$/).length]
    expect(asked()).toEqual([1, 1])
    const again = await world.call('/health/deployment')
    expect(again.json.data.services).toEqual(first.json.data.services)
    expect(asked()).toEqual([1, 1])
  })

  test.each([
    ['a slow answer', { status: 200, delayMs: 1050 }, 'degraded', 'High response times detected', true],
    ['no answer in time', { status: 200, delayMs: 2500 }, 'unhealthy', 'No answer', false],
    ['a rate limit', { status: 429 }, 'degraded', 'Rate limited', true],
    ['a server fault', { status: 502 }, 'unhealthy', 'HTTP 502', false],
    ['a challenge', { status: 401, headers: { 'www-authenticate': 'Bearer' } }, 'healthy', undefined, true],
  ])('%s', async (_, answer, status, issue, healthy) => {
    const { health, stop, asked } = await healthOf(answer)
    const [report] = await Promise.all([health.report(), health.report()])
    expect(report.services.cloudflare).toMatchObject({ status, ...(issue ? { issues: [issue] } : {}) })
    expect(report.healthy).toBe(healthy)
    expect(asked()).toBe(1)
    await stop()
  })
})
