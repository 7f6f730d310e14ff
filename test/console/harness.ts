import { randomUUID } from 'node:crypto'
import { startApi } from '../helpers/api.ts'
import { createTestContext } from '../helpers/context.ts'

export const base = '/admin/queues'

export type ConsoleWorld = Awaited<ReturnType<typeof startConsole>>

/** Starts the application with an administrator, a user and their browser sessions. No worker or dispatcher runs. */
export async function startConsole() {
  const ctx = await createTestContext()
  const api = await startApi(ctx)
  const admin = await api.signIn('the-admin', true)
  const user = await api.signIn('a-user')

  const sessions = new Map<string, Promise<{ cookie: string; csrf: string }>>()

  async function signIn(username: string) {
    const raw = new URLSearchParams({ username, password: 'correct horse battery' }).toString()
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    const answer = await api.call('/login', { raw, headers })
    const pairs = answer.headers.getSetCookie().map((each) => each.split(';')[0] ?? '')
    const csrf = pairs.find((each) => each.startsWith('XSRF-TOKEN='))?.slice('XSRF-TOKEN='.length) ?? ''
    return { cookie: pairs.join('; '), csrf }
  }

  /** Signs in once per user, because sign-ins are limited. */
  function browser(username: string) {
    const session = sessions.get(username) ?? signIn(username)
    sessions.set(username, session)
    return session
  }

  return {
    ctx,
    api,
    admin,
    user,
    browser,
    call: (path: string, options: Parameters<typeof api.call>[1] = {}) =>
      api.call(base + path, { token: admin, ...options }),
    put: (path: string, options: Parameters<typeof api.call>[1] = {}) =>
      api.call(base + path, { token: admin, method: 'PUT', ...options }),
    audit: () => ctx.db('audit_entries').orderBy('id').select('principal', 'action', 'target', 'outcome'),
    /** Creates a job of the rollback queue and its delivery in the queue store. @returns the row's id */
    async job(row: object = {}): Promise<string> {
      const id = randomUUID()
      await ctx.db('jobs').insert({
        id,
        queue: 'rollback',
        name: 'rollback',
        payload: { deploymentId: randomUUID() },
        max_attempts: 3,
        undelivered: false,
        delivery: 1,
        ...row,
      })
      await ctx.queues.get('rollback').add('rollback', { job: id }, { jobId: `${id}-1`, delay: 3_600_000 })
      return id
    },
    row: (id: string) => ctx.db('jobs').where({ id }).first(),
    delivery: (id: string) => ctx.queues.get('rollback').getJob(`${id}-1`),
    async stop() {
      await api.stop()
      await ctx.dispose()
    },
  }
}
