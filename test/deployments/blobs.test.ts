import { createHash, randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { pruneBlobs, readBlob } from '../../src/deployments/store/index.ts'
import { startWorld, type World } from './harness.ts'

const MIB = 1024 * 1024
const digestOf = (bytes: Uint8Array | string) => createHash('sha256').update(bytes).digest('hex')
const typed = { 'content-type': 'application/octet-stream' }

let world: World
beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world?.stop())

const put = (digest: string, body: Uint8Array | string, headers: Record<string, string> = typed) =>
  fetch(`${world.api.origin}/deploy/blobs/${digest}`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${world.admin}`, ...headers },
    body,
  })
const missing = async (digests: string[]) =>
  (await world.call('/deploy/blobs/missing', { json: { digests } })).json.data.missing
const chunkCount = async () => Number((await world.ctx.db('deployment_blob_chunks').count())[0]?.count)
const contentOf = async (digest: string) =>
  Buffer.concat(await Array.fromAsync(readBlob(world.ctx.db, digest)))

describe('a blob', () => {
  test('is stored in chunks and read back unchanged, whatever its size', async () => {
    for (const size of [0, 1, MIB, 2 * MIB + 17]) {
      const bytes = randomBytes(size)
      const digest = digestOf(bytes)
      expect(await missing([digest, digest])).toEqual([digest])
      expect((await put(digest, bytes)).status).toBe(201)
      expect(await missing([digest])).toEqual([])
      const { created_by } = await world.ctx.db('deployment_blobs').where({ digest }).first('created_by')
      expect(created_by).toEqual(expect.any(String))
      expect((await contentOf(digest)).equals(bytes)).toBe(true)
    }
  })

  test('may be sent twice, also at the same time, and is stored once', async () => {
    const bytes = randomBytes(1000)
    const before = await chunkCount()
    const answers = await Promise.all([1, 2, 3].map(() => put(digestOf(bytes), bytes)))
    expect(answers.map(({ status }) => status)).toEqual([201, 201, 201])
    expect(await chunkCount()).toBe(before + 1)
  })

  test('is refused, and leaves nothing behind, if its digest differs', async () => {
    const before = await chunkCount()
    const answer = await put(digestOf('another'), 'content')
    expect([answer.status, await answer.json()]).toEqual([
      400,
      expect.objectContaining({
        error: expect.objectContaining({
          details: expect.objectContaining({
            fields: [{ path: 'digest', problem: 'is not the SHA-256 of the body' }],
          }),
        }),
      }),
    ])
    expect(await chunkCount()).toBe(before)
    expect(await missing([digestOf('another'), digestOf('content')])).toHaveLength(2)
  })

  test.each([
    ['a digest of another form', 'abc', typed, 400],
    ['another content type', digestOf('x'), { 'content-type': 'text/plain' }, 415],
    ['an encoding', digestOf('x'), { ...typed, 'content-encoding': 'gzip' }, 415],
  ])('is refused with %s', async (_, digest, headers, status) => {
    expect((await put(digest, 'x', headers)).status).toBe(status)
  })

  test('is refused above 64 MiB before it is read', async () => {
    expect((await put(digestOf('x'), Buffer.alloc(64 * MIB + 1))).status).toBe(413)
  })
})

describe('a plan with blobs', () => {
  const code = 'export default { fetch: () => new Response("from a blob") }'
  const module = { name: 'index.js', type: 'esm', digest: digestOf(code) }

  test('is refused while a blob is missing, with its field', async () => {
    const unsent = { ...module, digest: digestOf('unsent') }
    const answer = await world.prepare({ appName: 'blobs', script: undefined, modules: [unsent] })
    expect([answer.status, answer.json.error.details.fields]).toEqual([
      400,
      [
        {
          path: 'config.modules.0.digest',
          problem: 'no blob with this digest was sent: PUT /deploy/blobs/{digest}',
        },
      ],
    ])
  })

  test('has the digest of the same plan with the code inside, and stores no code of its own', async () => {
    await put(module.digest, code)
    const content = Buffer.from(code).toString('base64')
    const inside = { ...module, digest: undefined, content }
    const [one, other] = await Promise.all(
      [module, inside].map(
        async (each) =>
          (await world.prepare({ appName: 'blobs', script: undefined, modules: [each] })).json.data,
      ),
    )
    expect(one.plan.digest).toBe(other.plan.digest)
    const { modules } = await world.ctx.db('plans').where({ id: other.deploymentId }).first('modules')
    expect(modules).toEqual([{ ...module, size: code.length }])
  })

  test('keeps its blobs; others are removed a day after their last use', async () => {
    const [used, unused] = [module.digest, digestOf('unused')]
    await put(unused, 'unused')
    const fresh = digestOf('fresh')
    await put(fresh, 'fresh')
    const { db } = world.ctx
    await db('deployment_blobs')
      .whereIn('digest', [used, unused])
      .update({ used_at: new Date(Date.now() - 90_000_000) })
    const orphan = { upload_id: crypto.randomUUID(), position: 0, bytes: Buffer.from('broken off') }
    await db('deployment_blob_chunks').insert({ ...orphan, created_at: new Date(Date.now() - 90_000_000) })
    await pruneBlobs(db)
    expect(await missing([used, unused, fresh])).toEqual([unused])
    expect(await db('deployment_blob_chunks').where({ upload_id: orphan.upload_id })).toEqual([])
    await expect(db('deployment_blobs').where({ digest: used }).delete()).rejects.toThrow(/plan_blobs/)
  })
})
