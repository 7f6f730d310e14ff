import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import { localCloudDir, startLocalCloud } from '../../src/local-cloud/index.ts'
import { startApi } from '../helpers/api.ts'
import { createTestContext, silent, startEngine, type TestContext } from '../helpers/context.ts'
import { createInlineRuntime } from '../helpers/inline-runtime.ts'
import { until } from '../helpers/until.ts'
import { accountId, clientOf, hello, token } from '../local-cloud/harness.ts'
import { deliveryOf } from '../platform/jobs/job-harness.ts'
import { startFaultProxy } from './cloudflare/fault-proxy.ts'

export { hello }

export interface WorldOptions {
  env?: Record<string, string>
  /** Without a cloud behind the proxy's port. */
  cloudless?: boolean
  /** The registry of the local cloud. */
  images?: { host: string }
  /** Runs the Workers in workerd, for tests about what only that does. */
  workerd?: boolean
}

export type World = Awaited<ReturnType<typeof startWorld>>
export type AppConfig = { appName: string } & Record<string, unknown>
export type Runner = Pick<Awaited<ReturnType<typeof startEngine>>, 'runner'>

/** A local cloud behind the proxy, and the whole application that deploys to it. Jobs run when an engine is started. */
export async function startWorld(options: WorldOptions = {}) {
  const dataDir = mkdtempSync(join(tmpdir(), 'capstan-deployments-'))
  const cloudDir = localCloudDir(dataDir)
  mkdirSync(cloudDir, { recursive: true, mode: 0o700 })
  writeFileSync(join(cloudDir, 'credentials.json'), JSON.stringify({ accountId, apiToken: token }))
  const { images, workerd = false } = options
  const runtime = workerd ? undefined : createInlineRuntime()
  const zones = ['example.test', 'deep.example.test']
  const about = {
    ...{
      host: '127.0.0.1',
      port: 0,
      dataDir: cloudDir,
      token,
      accountId,
      zones,
      images,
      runtime,
      log: silent,
    },
  }
  const cloud = await startLocalCloud(about)
  const proxy = await startFaultProxy(cloud.port)
  const env = {
    DATA_DIR: dataDir,
    LOCAL_CLOUD_PORT: String(proxy.port),
    LOCAL_CLOUD_TOKEN: token,
    CLOUDFLARE_SETTLE_SECONDS: '0',
    ...options.env,
  }
  const ctx = await createTestContext({ env })
  const api = await startApi(ctx)
  const admin = await api.signIn('the-admin', true)
  const engines: Awaited<ReturnType<typeof startEngine>>[] = []
  const beside: TestContext[] = []
  const call = (path: string, given: Parameters<typeof api.call>[1] = {}) =>
    api.call(path, { token: admin, ...given })
  const verbs = verbsOf(call)

  return {
    ...clientOf(cloud),
    ...{ cloud, proxy, ctx, api, admin, ...verbs },
    callCloud: clientOf(cloud).call,
    scriptsPath: `/accounts/${accountId}/workers/scripts`,
    call,
    /** What a process needs to be a worker of this installation. */
    env: {
      ...env,
      DATABASE_URL: ctx.database.url,
      SECRET_KEY: ctx.config.secretKey,
      CLOUDFLARE_TARGET: 'local',
    },
    /** The real engine with the queues of deployments, as in a worker process. Those of other domains would only poll. */
    async work() {
      const engine = await startEngine(ctx, { queues: ['deploy-step', 'rollback', 'maintenance'] })
      engines.push(engine)
      return engine
    },
    /** An engine whose deliveries the test makes itself, in this "process" or in one beside it. */
    async worker(where: 'here' | 'beside' = 'here', settings: Record<string, string> = {}) {
      const own =
        where === 'here' ? ctx : await createTestContext({ env: { ...env, ...settings }, beside: ctx })
      if (own !== ctx) beside.push(own)
      const engine = await startEngine(own, { queues: [], without: ['dispatcher', 'reconciler'] })
      engines.push(engine)
      return engine
    },
    async stop() {
      for (const engine of engines.reverse()) await engine.stop()
      await api.stop()
      for (const each of beside) await each.dispose()
      await ctx.dispose()
      await proxy.stop()
      await cloud.stop()
      rmSync(dataDir, { recursive: true, force: true })
      expect(proxy.violations).toEqual([])
    },
  }
}

type CallApi = (
  path: string,
  given?: { json?: unknown },
) => ReturnType<Awaited<ReturnType<typeof startApi>>['call']>

function verbsOf(call: CallApi) {
  const status = async (id: string) => (await call(`/deploy/${id}/status`)).json.data
  return {
    prepare: (config: AppConfig, environment = 'staging') =>
      call('/deploy/prepare', { json: { environment, config: { script: hello('hello'), ...config } } }),
    /** Prepares. @returns the deployment's id. */
    async planned(config: AppConfig, environment = 'staging'): Promise<string> {
      const answer = await this.prepare(config, environment)
      if (answer.status !== 200) throw new Error(`prepare answered ${answer.status}: ${answer.text}`)
      return answer.json.data.deploymentId
    },
    deploy: (deploymentId: string, options: object = {}, environment = 'staging') =>
      call('/deploy', { json: { deploymentId, environment, options } }),
    /** Prepares and deploys. @returns the deployment's id. */
    async started(config: AppConfig, options: object = {}, environment = 'staging'): Promise<string> {
      const id = await this.planned(config, environment)
      const answer = await this.deploy(id, options, environment)
      if (answer.status !== 202) throw new Error(`deploy answered ${answer.status}: ${answer.text}`)
      return id
    },
    status,
    ended: (id: string) =>
      until(async () => (await status(id)).metadata.endTime !== null && (await status(id)), {
        timeoutMs: 45_000,
        what: 'the deployment ended',
      }),
    // biome-ignore lint/suspicious/noExplicitAny: tests look into lines of every type
    async logs(id: string, after = 0): Promise<any[]> {
      const answer = await call(`/deploy/${id}/logs?limit=1000&after=${after}`, {
        headers: { accept: 'application/json' },
      } as object)
      return answer.json.data.logs
    },
    async messages(id: string): Promise<string> {
      return (await this.logs(id)).map((line) => line.message ?? '').join('\n')
    },
    // biome-ignore lint/suspicious/noExplicitAny: as above
    versions: async (app: string, environment = 'staging'): Promise<any[]> =>
      (await call(`/deploy/apps/${app}/${environment}/versions`)).json.data.versions,
  }
}

/** The deployment's job that has not ended. */
export const openJob = (ctx: TestContext, id: string) =>
  ctx
    .db('jobs')
    .where({ subject: `deployment:${id}` })
    .whereNull('finished_at')
    .whereNot({ name: 'late-arrivals' })
    .orderBy('created_at')
    .first()

/** Delivers the deployment's jobs one after the other, without their delays, until it ends or `stopBefore` comes. */
export async function drive(
  world: World,
  { runner }: Runner,
  id: string,
  stopBefore?: string,
): Promise<void> {
  for (let turns = 0; turns < 60; turns++) {
    const job = await openJob(world.ctx, id)
    if (job === undefined || (job.payload.step ?? job.name) === stopBefore) return
    // On a busy machine a run may lose its lease, and then nobody may run the job until that is over.
    const held = async () => {
      const row = await world.ctx.db('jobs').where({ id: job.id }).first('state', 'lease_until')
      return row.state === 'running' && row.lease_until > new Date()
    }
    await until(async () => !(await held()), { what: 'the lease is over' })
    await runner.run(deliveryOf(job.id, job.queue))
  }
  throw new Error('the deployment does not come to an end')
}

/** Events have the ids 1, 2, 3 ... */
export function expectGapFree(events: { id: number }[]): void {
  expect(events.map((event) => event.id)).toEqual(events.map((_, index) => index + 1))
}
