import { fileURLToPath } from 'node:url'
import { listAnswer } from '../../src/deployments/commands/wire.ts'
import type { SampleService } from './service.ts'

interface SampleDeployment {
  flags: string[]
  exitCode: 0 | 1
}

const folderOf = (path: string) => fileURLToPath(new URL(path, import.meta.url))

/** The deployments of each sample app in order: what they add to the command line, and how they end. */
const samples: { app: string; folder: string; deployments: SampleDeployment[] }[] = [
  {
    app: 'sample-hello',
    folder: folderOf('../../examples/hello'),
    deployments: [
      { flags: ['--var', 'GREETING=Hello'], exitCode: 0 },
      { flags: ['--var', 'GREETING=Welcome'], exitCode: 0 },
    ],
  },
  {
    app: 'sample-rolled-back',
    folder: folderOf('app'),
    deployments: [
      { flags: [], exitCode: 0 },
      // The health check fails, so the deployment is rolled back.
      { flags: ['--var', 'BROKEN=1', '--timeout', '1', '--max-retries', '0'], exitCode: 1 },
    ],
  },
]

/**
 * Deploys the sample apps to staging. Deployments that exist are not repeated.
 * @returns what was deployed, for the report
 * @throws Error if a deployment ends otherwise than intended; its reason is in the output
 */
export async function seedDeployments(service: SampleService): Promise<string> {
  let deployed = 0
  for (const { app, folder, deployments } of samples) {
    const existing = await countDeployments(service, app)
    for (const { flags, exitCode } of deployments.slice(existing)) {
      if (exitCode === 1) console.error(`The next deployment of ${app} fails on purpose.`)
      const code = await service.capstan('deploy', folder, '--app', app, ...flags, '--yes')
      if (code !== exitCode)
        throw new Error(`capstan deploy --app ${app} exited with ${code}, not ${exitCode}`)
      deployed++
    }
  }
  return `${deployed} deployments made`
}

async function countDeployments({ api }: SampleService, app: string): Promise<number> {
  const found = await api.call(listAnswer, { path: '/deploy', query: { app, environment: 'staging' } })
  return found.deployments.length
}
