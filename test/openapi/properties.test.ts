import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Api, startApi } from '../helpers/api.ts'
import { createTestContext, type TestContext } from '../helpers/context.ts'
import { operations, requestsOf, type Sent } from './requests.ts'

/**
 * `npm run test:openapi` tries many random requests of each operation. Every run of the tests tries a few, always the same
 * ones. `OPENAPI_SEED` repeats a search.
 */
const { OPENAPI_RUNS: runs = '4', OPENAPI_SEED: given = runs === '4' ? '1' : undefined } = process.env
const numRuns = Number(runs)
const seed = given === undefined ? {} : { seed: Number(given) }
/** No response takes longer than this; streams begin within it. */
const answerMs = 20_000

/** These would end the caller's own access, or lock it out. */
const notAsked = new Set(['signOut', 'changeOwnPassword', 'signIn', 'submitSignInPage', 'signOutOfBrowser'])

describe('every operation', () => {
  let ctx: TestContext
  let api: Api
  let token: string

  beforeAll(async () => {
    ctx = await createTestContext({
      env: { ADMIN_RATE_LIMIT_PER_SECOND: '10000', ADMIN_RATE_LIMIT_BURST: '100000' },
    })
    api = await startApi(ctx)
    token = await api.signIn('fuzzer', true)
  })
  afterAll(async () => {
    await api?.stop()
    await ctx?.dispose()
  })

  /** Sends a request and reads the response; of a stream only its beginning. @returns the status */
  async function ask({ method, path, headers, body }: Sent): Promise<number> {
    const stop = new AbortController()
    const answer = await fetch(api.origin + path, {
      method,
      headers: { authorization: `Bearer ${token}`, ...headers },
      redirect: 'manual',
      signal: AbortSignal.any([stop.signal, AbortSignal.timeout(answerMs)]),
      ...(body === undefined ? {} : { body }),
    })
    if (answer.headers.get('content-type')?.startsWith('text/event-stream')) stop.abort()
    else await answer.arrayBuffer()
    return answer.status
  }

  it.each(operations().filter(({ operation }) => !notAsked.has(operation.operationId)))(
    'answers as documented, whatever is sent: $operation.operationId',
    async (subject) => {
      const property = fc.asyncProperty(requestsOf(subject), async (request) => {
        const status = await ask(request)
        // Services that this installation does not have may be missing; nothing may fail in itself.
        expect(status).not.toBe(500)
        api.checkResponses()
      })
      await fc.assert(property, { numRuns, ...seed, endOnFailure: true })
    },
  )
})
