import { expect } from 'vitest'
import type { Stack } from '../../helpers/stack.ts'
import { type Api, adminPassword, type Call } from './client.ts'

export const browserHeaders = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' }

export interface Browser {
  cookie: string
  csrf: string
  /** The location to which the sign-in redirected. */
  at: string | null
  call(path: string, given?: Call): ReturnType<Api['call']>
}

/** Signs in with the form of the sign-in page. @param where the page to open afterwards */
export async function signInBrowser(
  at: { stack: Stack; api: Api },
  username: string,
  where: string,
): Promise<Browser> {
  const { stack, api } = at
  const form = new URLSearchParams({ username, password: adminPassword, next: where }).toString()
  const headers = {
    ...browserHeaders,
    'content-type': 'application/x-www-form-urlencoded',
    origin: stack.origin,
  }
  const answer = await api.call('/login', { token: null, raw: form, headers })
  expect(answer.status).toBe(303)
  const cookies = answer.headers.getSetCookie()
  expect(cookies.find((each) => each.startsWith('capstan_session='))).toMatch(/HttpOnly/)
  const cookie = cookies.map((each) => each.split(';')[0]).join('; ')
  const csrf = /XSRF-TOKEN=([^;]+)/.exec(cookie)?.[1] ?? ''
  return {
    cookie,
    csrf,
    at: answer.headers.get('location'),
    call: (path, given = {}) =>
      api.call(path, { token: null, ...given, headers: { cookie, ...given.headers } }),
  }
}
