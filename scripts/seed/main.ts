import { explain } from '../../src/cli/faults.ts'
import { seedClusterHistory } from './cluster.ts'
import { seedDeployments } from './deployments.ts'
import { seedNodes } from './nodes.ts'
import { seedReleases } from './releases.ts'
import { findSampleService } from './service.ts'

/** `npm run seed`: sample data for development in a running installation. May be repeated. */
async function main(): Promise<void> {
  const service = await findSampleService(process.env)
  for (const seed of [seedNodes, seedClusterHistory, seedReleases, seedDeployments])
    console.log(await seed(service))
  console.log(`Sample data is ready: ${service.api.url}/admin`)
}

main().catch((error: unknown) => {
  const { lines, exitCode } = explain(error)
  for (const line of lines) console.error(line)
  process.exitCode = exitCode
})
