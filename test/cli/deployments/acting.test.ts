import { describe, expect, test } from 'vitest'
import { deploymentApi, deploymentId, json, startFakeApi, wrapped } from '../fake-api.ts'
import { capstan } from '../run.ts'

const at = (api: { url: string }) => ({ CAPSTAN_URL: `${api.url}/`, CAPSTAN_TOKEN: 'ora_x' })

/** A deployment that ends with this status after an accepted action. */
function acting(status: string, accepted: object) {
  const answer = deploymentApi(status, { code: 'DEPLOY_006', message: 'it had answered 500' })
  return startFakeApi((asked, res) =>
    /\/(retry|cancel)$/.test(asked.path) ? json(res, 202, wrapped(accepted)) : answer(asked, res),
  )
}

describe('capstan deploy retry and cancel', () => {
  test('retry ends with 0 if the deployment then completes, and with 1 if it fails', async () => {
    const started = { retryId: 'job', step: 'configure_dns', attempt: 3, maxAttempts: 5 }
    const api = await acting('completed', started)
    const { code, out } = await capstan(['deploy', 'retry', deploymentId], { env: at(api) })
    expect(code).toBe(0)
    expect(out).toContain('Trying again: configure_dns, attempt 3 of 5')
    const failing = await acting('failed', started)
    const failed = await capstan(['deploy', 'retry', deploymentId], { env: at(failing) })
    expect([failed.code, failed.out]).toEqual([
      1,
      expect.stringContaining('it had answered 500 [DEPLOY_006]'),
    ])
  })

  test.each([
    ['cancelled', 0],
    ['completed', 1],
  ])('cancel of a deployment that is then %s ends with %i', async (status, expected) => {
    const api = await acting(status, { jobId: 'job', cancelRequested: true })
    expect((await capstan(['deploy', 'cancel', deploymentId], { env: at(api) })).code).toBe(expected)
  })
})

describe('deleting an app', () => {
  const deleting = (...environments: string[]) =>
    startFakeApi((asked, res) =>
      asked.path === '/deploy/apps'
        ? json(
            res,
            200,
            wrapped({ apps: environments.map((each) => ({ appName: 'shop', environment: each })) }),
          )
        : asked.method === 'DELETE'
          ? json(res, 202, wrapped({ jobId: 'job', willDelete: ['all data'] }))
          : json(res, 200, { state: 'completed' }),
    )

  test('asks for its name, and does nothing on another answer', async () => {
    const api = await deleting()
    const run = (answer: string) =>
      capstan(['deploy', 'delete', 'shop', '--env', 'staging'], {
        env: at(api),
        answers: {
          'This deletes shop from staging, with all data of its Durable Objects. Its name again:': answer,
        },
      })
    expect(await run('y')).toMatchObject({ code: 2, err: 'Nothing was deleted.\n' })
    expect(api.asked).toEqual([])
    expect(await run('shop')).toMatchObject({
      code: 0,
      out: expect.stringContaining('shop (staging): deleted'),
    })
    expect(api.asked[0]).toMatchObject({
      method: 'DELETE',
      path: '/deploy/apps/shop/staging',
      body: { confirm: 'shop' },
    })
  })

  const deletions = (api: { asked: { method: string; path: string }[] }) =>
    api.asked.filter(({ method }) => method === 'DELETE').map(({ path }) => path)

  test('finds the only environment of the app and names it in the question', async () => {
    const api = await deleting('production')
    const answers = { 'This deletes shop from production,': 'shop' }
    expect((await capstan(['deploy', 'delete', 'shop'], { env: at(api), answers })).code).toBe(0)
    expect(deletions(api)).toEqual(['/deploy/apps/shop/production'])
    const both = await deleting('production', 'staging')
    const unclear = await capstan(['deploy', 'delete', 'shop'], { env: at(both), answers })
    expect(unclear).toMatchObject({ code: 2, err: expect.stringContaining('--environment') })
    const unasked = await capstan(['deploy', 'delete', 'shop', '--yes'], { env: at(api) })
    expect(unasked).toMatchObject({ code: 2, err: expect.stringContaining('--environment') })
    expect([...deletions(both), ...deletions(api).slice(1)]).toEqual([])
  })

  test.each(['--env', '--environment'])('takes the environment from %s', async (option) => {
    const api = await deleting()
    const args = ['deploy', 'delete', 'shop', option, 'production', '--yes']
    expect((await capstan(args, { env: at(api) })).code).toBe(0)
    expect(deletions(api)).toEqual(['/deploy/apps/shop/production'])
  })

  test('needs --yes without a terminal', async () => {
    const api = await deleting()
    expect((await capstan(['deploy', 'delete', 'shop'], { env: at(api) })).code).toBe(2)
    expect((await capstan(['deploy', 'delete', 'shop', '--env', 'staging'], { env: at(api) })).code).toBe(2)
    const done = await capstan(['deploy', 'delete', 'shop', '--env', 'staging', '--yes'], { env: at(api) })
    expect(done.code).toBe(0)
  })
})
