import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import { type Call, startApi } from '../helpers/api.ts'
import { createTestContext, startEngine, type TestContextOptions } from '../helpers/context.ts'
import { deliveryOf } from '../platform/jobs/job-harness.ts'
import { type FakeCluster, startFakeCluster } from './collection/fake-cluster.ts'
import { readFakeKubeconfig } from './kubeconfig-reader.ts'

export const secrets = {
  admin: 'the-admins-key-of-the-tests-0123456789',
  acme: 'the-key-of-acme-in-the-tests-0123456789',
  other: 'the-key-of-other-in-the-tests-0123456789',
  reader: 'the-reading-key-of-acme-in-tests-0123456789',
}
export const apiKeys = [
  `admin:${secrets.admin}`,
  `client(acme):${secrets.acme}`,
  `client(other):${secrets.other}`,
  `read(acme):${secrets.reader}`,
].join(',')

/** A digest by a short word. */
export const sha = (word: string) =>
  `sha256:${Buffer.from(word).toString('hex').padEnd(64, '0').slice(0, 64)}`

export type Tracker = Awaited<ReturnType<typeof startTracker>>

export interface TrackerOptions extends TestContextOptions {
  cluster?: boolean
}

/** The whole application as a tracker; jobs run when the test delivers them. */
export async function startTracker({ cluster: withCluster = false, env, ...options }: TrackerOptions = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'capstan-tracker-'))
  const cluster: FakeCluster | undefined = withCluster ? await startFakeCluster() : undefined
  const kubeconfig = join(folder, 'kubeconfig')
  const writeKubeconfig = () => {
    if (cluster !== undefined) writeFileSync(kubeconfig, JSON.stringify(cluster.kubeconfig()))
  }
  writeKubeconfig()
  const ctx = await createTestContext({
    readClusterCredentials: readFakeKubeconfig,
    ...options,
    env: {
      API_KEYS: apiKeys,
      CLIENT_NAME: 'acme',
      ENV_NAME: 'prod',
      ...(cluster === undefined ? {} : { KUBECONFIG: kubeconfig }),
      ...env,
    },
  })
  const api = await startApi(ctx)
  const engine = await startEngine(ctx, { queues: [], without: ['dispatcher', 'reconciler'] })
  const call = (path: string, given: Call = {}) => api.call(path, { token: secrets.admin, ...given })

  return {
    ctx,
    api,
    engine,
    folder,
    writeKubeconfig,
    call,
    get cluster(): FakeCluster {
      if (cluster === undefined) throw new Error('there is no cluster here')
      return cluster
    },
    async get(path: string, given: Call = {}) {
      const answer = await call(path, given)
      expect(answer.status, answer.text).toBe(200)
      return answer.json
    },
    /** Delivers a job until it has ended. @returns its row. */
    async run(jobId: string) {
      const { queue } = await ctx.db('jobs').where({ id: jobId }).first()
      await engine.runner.run(deliveryOf(jobId, queue))
      return ctx.db('jobs').where({ id: jobId }).first()
    },
    /** Asks for a collection and runs it. @returns the job's row. */
    async collect() {
      const answer = await call('/api/collect', { method: 'POST' })
      expect(answer.status, answer.text).toBe(202)
      return this.run(answer.json.jobId)
    },
    put: (path: string, body: object, given: Call = {}) =>
      call(`/api/collect/${path}`, { method: 'PUT', json: body, ...given }),
    // biome-ignore lint/suspicious/noExplicitAny: rows of answers
    async current(query = ''): Promise<any[]> {
      const body = await this.get(`/api/releases/current?client_name=acme&env_name=prod${query}`)
      return body.ordered_namespaces.flatMap((each: string) => body.namespaces[each])
    },
    /** Of client `acme`, environment `prod`: `namespace/workload/container`. */
    history: (path: string, query = '') => call(`/api/releases/history/acme/prod/${path}${query}`),
    badge: async (path: string, key = secrets.admin) => {
      const { text } = await call(`/badges/${key}/acme/prod/${path}`, { token: undefined as never })
      return /<title>([^<]*)<\/title>/.exec(text)?.[1]
    },
    async stop() {
      await engine.stop()
      await api.stop()
      await ctx.dispose()
      await cluster?.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** The history has no two intervals of one component that share a moment, and its components say what is open. */
export async function expectSound({ ctx }: Pick<Tracker, 'ctx'>): Promise<void> {
  const { rows: overlaps } = await ctx.db.raw(
    `select a.id, b.id as other from tracker_intervals a join tracker_intervals b
       on a.component_id = b.component_id and a.id < b.id and a.first_seen <= b.last_seen and b.first_seen <= a.last_seen`,
  )
  expect(overlaps).toEqual([])
  const { rows: stray } = await ctx.db.raw(
    `select c.id from tracker_components c full join (select * from tracker_intervals where ended is null) i
       on i.component_id = c.id
     where (c.interval_id, c.image_tag, c.image_sha, c.image_repo, c.image_name, c.first_seen)
       is distinct from (i.id, i.image_tag, i.image_sha, i.image_repo, i.image_name, i.first_seen)`,
  )
  expect(stray).toEqual([])
}
