import { createHash, randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createBlobQuota, pruneBlobs, prunePlans, unlinkBlobs } from '../../src/deployments/store/index.ts'
import { startApi } from '../helpers/api.ts'
import { createTestContext, type TestContext } from '../helpers/context.ts'

const mib = 1024 * 1024
let ctx: TestContext
let api: Awaited<ReturnType<typeof startApi>>
let admin: string
beforeAll(async () => {
  const env = { DEPLOY_CONTENT_MAX_MB: '100', DEPLOY_CONTENT_USER_MAX_MB: '80' }
  ctx = await createTestContext({ env })
  api = await startApi(ctx)
  admin = await api.signIn('the-admin', true)
})
afterAll(async () => {
  await api?.stop()
  await ctx?.dispose()
})

const digestOf = (text: string) => createHash('sha256').update(text).digest('hex')

/** Records content as stored, without its bytes. */
async function stored(createdBy: string | null, mb: number): Promise<string> {
  const digest = digestOf(randomUUID())
  const row = { digest, size: mb * mib, upload_id: randomUUID(), created_by: createdBy }
  await ctx.db('deployment_blobs').insert(row)
  return digest
}

/** A plan of an app that refers to a blob. */
async function planned(app: string, digest: string): Promise<string> {
  const [row] = await ctx
    .db('plans')
    .insert({
      ...{ id: randomUUID(), app, environment: 'staging', digest: 'sha256:x', config: '{}', modules: '[]' },
      ...{
        secrets: '{}',
        preview: '{}',
        created_by: 'ann',
        expires_at: ctx.db.raw(`now() + interval '1 h'`),
      },
    })
    .returning('id')
  await ctx.db('plan_blobs').insert({ plan_id: row.id, digest })
  return row.id
}

const put = (text: string) =>
  api.call(`/deploy/blobs/${digestOf(text)}`, {
    ...{ method: 'PUT', token: admin, raw: text, headers: { 'content-type': 'application/octet-stream' } },
  })

test('the API refuses content beyond the limit, and says what to do', async () => {
  const digest = await stored(null, 200)
  const answer = await put('small')
  expect([answer.status, answer.json.error.code]).toEqual([402, 'STATE_004'])
  expect(answer.json.error.message).toBe('The content of all deployments would exceed 100 MB')
  expect(answer.json.error.suggestedAction).toContain('Delete apps that are no longer needed')
  await ctx.db('deployment_blobs').where({ digest }).delete()
})

test('content beyond the limit of a user is refused with what to do, and other users still send', async () => {
  const quota = createBlobQuota(ctx.db, { totalMb: 1000, userMb: 10 })
  const first = await quota.admit('ann', 6 * mib)
  // What is on its way counts, too.
  await expect(quota.admit('ann', 6 * mib)).rejects.toMatchObject({
    code: 'STATE_004',
    options: { suggestedAction: expect.stringContaining('DEPLOY_CONTENT_USER_MAX_MB') },
  })
  const other = await quota.admit('bob', 6 * mib)
  other(true)
  first(false)
  const again = await quota.admit('ann', 6 * mib)
  again(true)
  again(true)
  await expect(quota.admit('ann', 6 * mib)).rejects.toThrow('not deployed would exceed 10 MB')
  await quota.admit('ann', 4 * mib)
})

test('what was sent before counts until it is deployed, and the limit of all counts the rest', async () => {
  const waiting = await stored('eve', 6)
  const limits = { totalMb: 30, userMb: 8 }
  await expect(createBlobQuota(ctx.db, limits).admit('eve', 4 * mib)).rejects.toThrow('sent and not deployed')
  const id = await planned('shop', waiting)
  await expect(createBlobQuota(ctx.db, limits).admit('eve', 4 * mib)).rejects.toThrow('sent and not deployed')
  await ctx.db('deployments').insert({ id, ...deploymentOf('shop') })
  await createBlobQuota(ctx.db, limits).admit('eve', 4 * mib)
  await stored(null, 22)
  await expect(createBlobQuota(ctx.db, limits).admit('zoe', 4 * mib)).rejects.toMatchObject({
    code: 'STATE_004',
    message: 'The content of all deployments would exceed 30 MB',
    options: { suggestedAction: expect.stringContaining('DEPLOY_CONTENT_MAX_MB') },
  })
})

const deploymentOf = (app: string) => ({
  ...{ app, environment: 'staging', status: 'completed', options: '{}', started_by: 'ann' },
})

test.each([
  ['a dry run', { dry_run: true }, false],
  ['a failed deployment', { status: 'failed' }, false],
  ['a cancelled deployment', { status: 'cancelled' }, false],
  ['a deployment that was rolled back', { status: 'rolled_back' }, false],
  ['a running deployment', { status: 'in_progress' }, true],
])('the content of %s counts as deployed or not', async (_, change, counts) => {
  const user = randomUUID()
  const id = await planned(user, await stored(user, 6))
  await ctx.db('deployments').insert({ id, ...deploymentOf(user), ...change })
  const admitted = createBlobQuota(ctx.db, { totalMb: 1000, userMb: 8 }).admit(user, 4 * mib)
  if (counts) await admitted
  else await expect(admitted).rejects.toThrow('sent and not deployed')
})

/** A deployment that ended two days ago, of a plan that has expired, with content that nobody used since. */
async function ended(app: string, change: object): Promise<{ id: string; digest: string }> {
  const digest = await stored('ann', 1)
  const id = await planned(app, digest)
  const past = ctx.db.raw(`now() - interval '2 days'`)
  await ctx.db('plans').where({ id }).update({ expires_at: past })
  await ctx.db('deployment_blobs').where({ digest }).update({ used_at: past })
  await ctx.db('deployments').insert({ id, ...deploymentOf(app), finished_at: past, ...change })
  await ctx.db('deployment_steps').insert({ deployment_id: id, position: 0, step: 'validate_config' })
  return { id, digest }
}

test('old dry runs are deleted with their plans and content, running ones and deployments stay', async () => {
  const dry = await ended('dried', { dry_run: true })
  const running = await ended('drying', { dry_run: true, status: 'in_progress' })
  const real = await ended('real', {})
  await prunePlans(ctx.db)
  await pruneBlobs(ctx.db)
  const all = [dry, running, real]
  const ids = all.map(({ id }) => id)
  const digests = all.map(({ digest }) => digest)
  const left = [running, real]
  expect((await ctx.db('plans').whereIn('id', ids).pluck('id')).toSorted()).toEqual(
    left.map(({ id }) => id).toSorted(),
  )
  expect((await ctx.db('deployment_blobs').whereIn('digest', digests).pluck('digest')).toSorted()).toEqual(
    left.map(({ digest }) => digest).toSorted(),
  )
})

test('content of failed deployments is removed a day later, unless one can be retried or another uses it', async () => {
  const first = await ended('failing', { status: 'failed' })
  const shared = await ended('failing', { status: 'cancelled' })
  const fresh = await ended('failing', { status: 'rolled_back', finished_at: ctx.db.fn.now() })
  const newest = await ended('failing', { status: 'failed' })
  await ended('failing', { dry_run: true })
  const user = await ended('using', {})
  await ctx.db('plan_blobs').insert({ plan_id: user.id, digest: shared.digest })
  await pruneBlobs(ctx.db)
  const digests = [first, shared, fresh, newest].map(({ digest }) => digest)
  const left = await ctx.db('deployment_blobs').whereIn('digest', digests).pluck('digest')
  expect(left.toSorted()).toEqual(digests.slice(1).toSorted())
})

test('the content of a deleted app is removed a day later, that of others stays', async () => {
  const [own, shared] = [await stored('ann', 1), await stored('ann', 1)]
  for (const [app, digests] of [
    ['leaving', [own, shared]],
    ['staying', [shared]],
  ] as const) {
    const id = await planned(app, digests[0])
    for (const digest of digests.slice(1)) await ctx.db('plan_blobs').insert({ plan_id: id, digest })
    await ctx.db('deployments').insert({ id, ...deploymentOf(app) })
  }
  await unlinkBlobs(ctx.db, 'leaving', 'staging')
  const old = { used_at: ctx.db.raw(`now() - interval '2 days'`) }
  await ctx.db('deployment_blobs').whereIn('digest', [own, shared]).update(old)
  await pruneBlobs(ctx.db)
  const left = await ctx.db('deployment_blobs').whereIn('digest', [own, shared]).pluck('digest')
  expect(left).toEqual([shared])
})
