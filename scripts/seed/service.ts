import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { createLocalToken } from '../../src/accounts/index.ts'
import { findAccess } from '../../src/cli/api/access.ts'
import { type ApiAccess, type ApiClient, createApiClient } from '../../src/cli/api/client.ts'
import { UsageFault } from '../../src/cli/faults.ts'
import { findService } from '../../src/cli/target/service.ts'
import type { Permission } from '../../src/platform/auth.ts'
import { createDb } from '../../src/platform/postgres/db.ts'

/** The running service as the seed scripts use it: through its API and its command line only. */
export interface SampleService {
  api: ApiClient
  /**
   * Runs a `capstan` command against the service; its output goes to standard error.
   * @returns the exit code
   */
  capstan(...args: string[]): Promise<number | null>
}

const scopes: Permission[] = [
  'deployments:read',
  'deployments:write:staging',
  'orchestrators:read',
  'orchestrators:write',
  'releases:read',
  'releases:publish',
  'tracker:read',
  'tracker:write',
  'jobs:read',
]

const program = fileURLToPath(new URL('../../bin/capstan.js', import.meta.url))

/**
 * Finds the service as `capstan` does: `CAPSTAN_URL` with `CAPSTAN_TOKEN`, else the running installation of this machine,
 * for which it creates a token. Each run replaces the token of the run before.
 * @throws UsageFault or Unreachable if no service is found
 */
export async function findSampleService(env: NodeJS.ProcessEnv): Promise<SampleService> {
  const access = env.CAPSTAN_URL || env.CAPSTAN_TOKEN ? await findAccess(env, createToken) : localAccess(env)
  const token = await access.token()
  const { url } = access
  return {
    api: createApiClient({ ...access, token: async () => token }),
    async capstan(...args) {
      const child = spawn(process.execPath, [program, ...args], {
        stdio: ['ignore', 2, 2],
        env: { ...env, CAPSTAN_URL: url, CAPSTAN_TOKEN: token },
      })
      const [code] = await once(child, 'close')
      return typeof code === 'number' ? code : null
    },
  }
}

function localAccess(env: NodeJS.ProcessEnv): ApiAccess {
  const { url, embedded } = findService(env)
  const databaseUrl = embedded?.databaseUrl
  if (databaseUrl === undefined)
    throw new UsageFault(`CAPSTAN_TOKEN is not set; it has to be an API token of ${url}`)
  return { url, token: () => createToken(databaseUrl) }
}

async function createToken(databaseUrl: string): Promise<string | undefined> {
  const db = createDb({ url: databaseUrl, name: 'seed', max: 1 })
  try {
    return await createLocalToken(db, { name: 'npm run seed', scopes })
  } finally {
    await db.destroy()
  }
}
