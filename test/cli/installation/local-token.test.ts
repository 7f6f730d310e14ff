import { afterEach, expect, test } from 'vitest'
import { createLocalToken } from '../../../src/accounts/index.ts'
import { type Harness, rows, startAccounts } from '../../accounts/harness.ts'

let harness: Harness | undefined
afterEach(async () => harness?.close())

test("the command line's token belongs to the first active administrator, and only the newest is valid", async () => {
  harness = await startAccounts()
  const { db, call } = harness
  const wanted = { name: 'capstan command line', scopes: ['jobs:read' as const] }
  expect(await createLocalToken(db, wanted)).toBeUndefined()
  await harness.user('plain')
  const gone = await harness.user('gone-admin', true)
  const admin = await harness.user('the-admin', true)
  await harness.user('late-admin', true)
  await db('users').where({ id: gone }).update({ is_active: false })

  const [first, second] = [await createLocalToken(db, wanted), await createLocalToken(db, wanted)]
  expect((await call('/probe', { bearer: first })).status).toBe(401)
  expect((await call('/probe', { bearer: second })).json.permissions).toEqual(['jobs:read'])
  const kept = await rows(db, 'api_tokens')
  expect(kept.map((each) => [each.user_id, each.is_revoked]).sort()).toEqual([
    [admin, false],
    [admin, true],
  ])
})
