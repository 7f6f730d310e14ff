import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createLocalToken } from '../../src/accounts/index.ts'
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
 * Finds the running installation of this machine and creates a token for it. Each run replaces the token of the run before.
 * Sample data cannot be removed, so a service that `CAPSTAN_URL` names, or one with a database of its own, is refused.
 * @throws UsageFault or Unreachable if no such installation is found
 */
export async function findSampleService(env: NodeJS.ProcessEnv): Promise<SampleService> {
  if (env.CAPSTAN_URL || env.CAPSTAN_TOKEN)
    throw new UsageFault(
      'CAPSTAN_URL or CAPSTAN_TOKEN is set: sample data is only for an installation of npm start here',
    )
  const access = localAccess(env)
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
  if (env.DATA_DIR && embedded?.dataDir !== resolve(env.DATA_DIR))
    throw new UsageFault(
      `DATA_DIR=${env.DATA_DIR} holds no running installation: start it with npm start, or unset DATA_DIR`,
    )
  const databaseUrl = embedded?.databaseUrl
  if (databaseUrl === undefined)
    throw new UsageFault(
      `${url} uses a database of its own: sample data is only for an installation of npm start`,
    )
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
