import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { Store } from '../../../src/local-cloud/store/index.ts'
import { startInlineCloud, token } from '../harness.ts'

const MIB = 1024 * 1024

function openStore(): Store {
  const directory = mkdtempSync(join(tmpdir(), 'local-cloud-recordings-'))
  const store = new Store(directory)
  onTestFinished(() => {
    store.close()
    rmSync(directory, { recursive: true, force: true })
  })
  return store
}

test('a long email is stored with shortened texts and its size', () => {
  const { recordings } = openStore()
  const to = 'to@example.test'
  recordings.addEmail('shop', { to, raw: 'é'.repeat(5 * MIB) }, 1)
  recordings.addEmail('shop', { to, attachments: Array(2000).fill({ content: 'x'.repeat(10_000) }) }, 1)
  recordings.addEmail('shop', { to: Array(300_000).fill(to) }, 1)
  recordings.addEmail('shop', { to, raw: 'short' }, 1)
  const [long, many, recipients, short] = recordings.emails({ after: 0, limit: 10 }).map(({ email }) => email)
  expect(long).toMatchObject({ to, truncated: { bytes: expect.any(Number) } })
  expect(long?.raw).toMatch(/^é+ \[truncated: 5242880 characters\]$/)
  expect(many).toMatchObject({ to, truncated: { bytes: expect.any(Number) } })
  expect(recipients).toEqual({ truncated: { bytes: expect.any(Number) } })
  expect(short).toEqual({ to, raw: 'short' })
  for (const email of [long, many, recipients])
    expect(Buffer.byteLength(JSON.stringify(email))).toBeLessThanOrEqual(MIB)
})

test('the emails that are kept have a limited total size', () => {
  const { recordings } = openStore()
  const raw = 'x'.repeat(MIB - 100)
  for (let sent = 1; sent <= 70; sent++) recordings.addEmail('shop', { sent, raw }, sent)
  const kept = recordings.emails({ after: 0, limit: 1000 })
  expect([kept.length, kept[0]?.seq, kept.at(-1)?.seq]).toEqual([64, 7, 70])
})

test('a page of recorded rows is small, and its limits must be whole numbers', async () => {
  const cloud = await startInlineCloud()
  const read = async (query: string) => {
    const headers = { authorization: `Bearer ${token}` }
    const response = await fetch(`${cloud.url}/capstan/recorded/emails${query}`, { headers })
    return { status: response.status, text: await response.text() }
  }
  for (const query of ['?limit=1.5', '?limit=-1', '?limit=many', '?after=0.5', '?after=1e3'])
    expect(await read(query), query).toEqual({ status: 400, text: expect.stringMatching(/whole number/) })
  for (const query of ['', '?limit=1', '?limit=5000&after=3']) expect((await read(query)).status).toBe(200)
})
