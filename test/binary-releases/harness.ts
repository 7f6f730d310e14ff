import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createApp } from '../../src/app.ts'
import { freePort } from '../../src/embedded/postgres/port.ts'
import { createHttpServer } from '../../src/platform/http/index.ts'
import { startApi } from '../helpers/api.ts'
import { createTestContext, startEngine, type TestContext } from '../helpers/context.ts'
import { deliveryOf } from '../platform/jobs/job-harness.ts'
import { startR2 } from './r2-server.ts'

export type StoreKind = 'bucket' | 'folder'
export type World = Awaited<ReturnType<typeof startWorld>>

export const platforms = ['darwin-arm64', 'linux-x86_64', 'windows-x86_64']

/** The whole application with a store of either kind. The test delivers jobs with `work`, unless `live` is set. */
export async function startWorld(kind: StoreKind, env: Record<string, string> = {}, live = false) {
  const dataDir = mkdtempSync(join(tmpdir(), 'capstan-releases-'))
  const r2 = kind === 'bucket' ? await startR2() : undefined
  const port = await freePort()
  const all: Record<string, string> & { RELEASE_SIGNING_KEY: string } = {
    DATA_DIR: dataDir,
    RELEASE_PLATFORMS: platforms.join(','),
    RELEASE_SIGNING_KEY: signingKeys.first,
    TRUSTED_PROXIES: '127.0.0.0/8',
    PUBLIC_URL: `http://127.0.0.1:${port}`,
    ADMIN_RATE_LIMIT_PER_SECOND: '10000',
    ADMIN_RATE_LIMIT_BURST: '100000',
    ...r2?.env,
    ...env,
  }
  const ctx = await createTestContext({ env: all })
  // Links of the folder point to the public address, so the application also listens there.
  const publicServer = createHttpServer(createApp(ctx), { host: '127.0.0.1', port })
  await publicServer.start()
  const api = await startApi(ctx)
  const publisher = await api.signIn('publisher', true)
  const worker = await startEngine(
    ctx,
    live ? { queues: ['maintenance'] } : { queues: [], without: ['dispatcher', 'reconciler'] },
  )
  const call = (path: string, options: Parameters<typeof api.call>[1] = {}) =>
    api.call(path, { token: publisher, ...options })

  return {
    ctx,
    api,
    publisher,
    worker,
    call,
    r2,
    dataDir,
    env: all,
    store: ctx.binaryReleases.publishContext.store,
    layout: ctx.binaryReleases.publishContext.layout,
    /** A request with an identity forwarded by the proxy. */
    as: (username: string, path: string, headers: Record<string, string> = {}) =>
      api.call(path, { headers: { 'x-authentik-username': username, ...headers } }),
    ...publishingOf(call, ctx.config.binaryReleases.platforms),
    /** Delivers a job until it has ended. @returns its row */
    work: (jobId: string) => deliver(ctx, worker, jobId),
    async stop() {
      await worker.stop()
      await api.stop()
      await publicServer.stop()
      await ctx.dispose()
      await r2?.stop()
      rmSync(dataDir, { recursive: true, force: true })
    },
  }
}

type Call = Awaited<ReturnType<typeof startApi>>['call']

export const contentOf = (text: string) => Buffer.from(`${text}\n`.repeat(1000))
export const sha256 = (content: Uint8Array) => createHash('sha256').update(content).digest('hex')

function publishingOf(call: Call, served: string[]) {
  const declare = (version: string, platform: string, content: Uint8Array) =>
    call(`/releases/${version}/files`, {
      json: { platform, size: content.length, sha256: sha256(content) },
    })
  return {
    declare,
    draft: (version: string, channel = 'stable', more: object = {}) =>
      call('/releases', { json: { version, channel, ...more } }),
    /** Declares and uploads a small file. */
    async upload(version: string, platform: string, content: Uint8Array<ArrayBuffer>): Promise<void> {
      const answer = await declare(version, platform, content)
      if (answer.status !== 200) throw new Error(`declaring answered ${answer.status}: ${answer.text}`)
      if (answer.json.state === 'uploaded') return
      const put = await fetch(answer.json.upload.url, { method: 'PUT', body: content })
      if (put.status !== 200) throw new Error(`uploading answered ${put.status}: ${await put.text()}`)
      const again = await declare(version, platform, content)
      if (again.json.state !== 'uploaded') throw new Error(`after its upload: ${again.text}`)
    },
    /** Creates a draft and uploads all its files. */
    async prepared(version: string, channel = 'stable'): Promise<void> {
      const answer = await this.draft(version, channel)
      if (answer.status !== 201) throw new Error(`the draft answered ${answer.status}: ${answer.text}`)
      for (const platform of served) await this.upload(version, platform, contentOf(`${version} ${platform}`))
    },
    /** Starts the publication. @returns the job's id */
    async publishing(version: string): Promise<string> {
      const answer = await call(`/releases/${version}/publish`, { method: 'POST' })
      if (answer.status !== 202) throw new Error(`publish answered ${answer.status}: ${answer.text}`)
      return answer.json.job_id
    },
  }
}

/** Delivers a job until it has ended, without retry delays. @returns its row */
export async function deliver(
  ctx: TestContext,
  { runner }: Pick<Awaited<ReturnType<typeof startEngine>>, 'runner'>,
  id: string,
  // biome-ignore lint/suspicious/noExplicitAny: tests read arbitrary columns of the row
): Promise<any> {
  for (let turns = 0; turns < 20; turns++) {
    const row = await ctx.db('jobs').where({ id }).first()
    if (row.finished_at !== null) return row
    await runner.run(deliveryOf(id, row.queue))
  }
  return ctx.db('jobs').where({ id }).first()
}

export async function released(world: World, version: string, channel = 'stable'): Promise<void> {
  await world.prepared(version, channel)
  const row = await world.work(await world.publishing(version))
  if (row.state !== 'completed')
    throw new Error(`publishing ended ${row.state}: ${JSON.stringify(row.error)}`)
}

export const signingKeys = {
  first:
    '-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIHKTOQm8lFpVGlEs6L0BWwpQ3q0S3T+3z6yn0ul9i8pB\n-----END PRIVATE KEY-----\n',
  second:
    '-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIAmCqjZ5U0n1B1kI3mH6b1oQ2t8n0vRkJ7q9m3c4y5Zx\n-----END PRIVATE KEY-----\n',
}

/** Writes a release of an older publisher to the bucket, byte for byte as the CCO Releases API documents it. */
export async function plantOldRelease(world: World, version: string, channel = 'stable'): Promise<void> {
  const hashes = Object.fromEntries(platforms.map((platform) => [platform, sha256(contentOf(platform))]))
  const metadata = { version, channel, released_at: '2025-11-24T10:30:00Z', platforms: hashes }
  const body = JSON.stringify(metadata, null, 2)
  for (const platform of platforms) {
    const type = { contentType: 'application/octet-stream' }
    await world.store.write(world.layout.file(version, platform), {
      body: contentOf(platform).toString(),
      ...type,
    })
  }
  for (const key of [`metadata/${version}.json`, `metadata/latest-${channel}.json`])
    await world.store.write(key, { body, contentType: 'application/json' })
}
