import { beforeAll, describe, expect, test } from 'vitest'
import { runProgram, type Stack } from '../../helpers/stack.ts'
import type { Api } from '../support/client.ts'
import type { GetInstallation } from '../support/installation.ts'

/** Only for an installation without other data. */
export function seedTests(get: GetInstallation): void {
  describe('npm run seed', () => {
    let stack: Stack
    let api: Api
    beforeAll(() => {
      ;({ stack, api } = get())
    })

    const seed = () => runProgram(stack, ['scripts/seed/main.ts'])

    async function sampleData() {
      const nodes = (await api.call('/api/v1/orchestrators')).json
      const current = (await api.call('/api/releases/current?client_name=sample&env_name=production')).json
      const history = '/api/releases/history/sample/production/shop/checkout/server'
      const intervals = (await api.call(history)).json
      const releases = (await api.call('/releases')).json
      const deployments = (await api.call('/deploy')).json.data.deployments
      return {
        nodes: nodes.total,
        components: current.total,
        intervals: intervals.total,
        versions: releases.releases.map(({ version }: { version: string }) => version),
        deployments: deployments.map(({ appName, status }: Record<string, string>) => `${appName} ${status}`),
      }
    }

    test('adds data to a running installation, and changes nothing when repeated', async () => {
      const first = await seed()
      expect(first.output).toContain(`Sample data is ready: ${stack.origin}/admin`)
      expect(first.exitCode).toBe(0)
      const data = await sampleData()
      expect(data).toEqual({
        nodes: 20,
        components: 2,
        intervals: 3,
        versions: ['2026.03.05', '2026.02.10', '2026.01.15'],
        deployments: [
          'sample-rolled-back rolled_back',
          'sample-rolled-back completed',
          'sample-hello completed',
          'sample-hello completed',
        ],
      })

      const second = await seed()
      expect(second.exitCode).toBe(0)
      expect(second.output).toContain('0 deployments made')
      expect(await sampleData()).toEqual(data)
    }, 120_000)

    test('refuses a service that CAPSTAN_URL names', async () => {
      const elsewhere = { CAPSTAN_URL: stack.origin, CAPSTAN_TOKEN: 'ora_any' }
      const result = await runProgram(stack, ['scripts/seed/main.ts'], elsewhere)
      expect(result.exitCode).toBe(2)
      expect(result.output).toContain('only for an installation of npm start')
    })

    test('says how to start a service if none is running', async () => {
      const result = await runProgram(stack, ['scripts/seed/main.ts'], { DATA_DIR: `${stack.dataDir}-none` })
      expect(result.exitCode).toBe(2)
      expect(result.output).toContain('npm start')
    })
  })
}
