import type { Request, Response } from 'express'
import type { Principal } from '../../platform/auth.ts'
import { badCredential, CodedError, forbidden } from '../../platform/errors.ts'
import { type Reply, type Route, route } from '../../platform/http/route.ts'
import type { AccountsContext } from '../context.ts'
import { sessionFromCookies } from '../credentials/cookies.ts'
import { csrfTokenOf, sameText } from '../credentials/credentials.ts'
import { AccountPrincipal } from '../principal.ts'
import { nextQuery, signInForm } from '../schema.ts'
import { browserCookieOf, browserIdsOf } from '../sign-in/browser-id.ts'
import { openSession, signIn } from '../sign-in/sign-in.ts'
import { signOut } from '../users/account-changes.ts'
import { isJson, readForm } from './form-body.ts'
import { nextPath } from './local-path.ts'
import { operation } from './operation.ts'
import { sendPage, signedInPage, signInPage } from './page.ts'
import { requireSameOrigin } from './same-origin.ts'
import { clearedCookies, sessionCookies } from './session-cookies.ts'

/** The pages `/login` and `/logout`. */
export function browserRoutes(context: AccountsContext, publicUrl: string): Route[] {
  return [
    route({
      ...operation('showSignInPage'),
      method: 'get',
      path: '/login',
      access: 'open',
      limit: 'address',
      csrf: false,
      query: nextQuery,
      async handle({ query, principal, req, res }) {
        const next = nextPath(query.next)
        const caller = ownSession(principal)
        const page =
          caller === undefined
            ? signInPage({ next })
            : signedInPage({ next, username: caller.name, csrfToken: expectedCsrfToken(context, req) })
        sendPage(res, 200, page)
        return undefined
      },
    }),
    route({
      ...operation('submitSignInPage'),
      method: 'post',
      path: '/login',
      access: 'open',
      limit: 'address',
      csrf: false,
      handle: ({ principal, ...request }) =>
        submitSignIn(context, { ...request, publicUrl, previous: ownSession(principal) }),
    }),
    route({
      ...operation('signOutOfBrowser'),
      method: 'post',
      path: '/logout',
      access: 'open',
      // The page's form cannot send a header: the handler checks the token from the header or the form.
      csrf: false,
      async handle({ principal, req, res }) {
        // Without a session too, the response removes the cookies, also those that the request did not contain.
        requireSameOrigin(req, publicUrl)
        const caller = ownSession(principal)
        if (caller !== undefined) {
          await requireCsrfField(context, req, res)
          await signOut(context, caller)
        }
        res.append('Set-Cookie', clearedCookies(context.cookies))
        res.redirect(303, '/login')
        return undefined
      },
    }),
  ]
}

interface Submission {
  req: Request
  res: Response
  address: string
  publicUrl: string
  /** The browser's current session, which the new one replaces. */
  previous: AccountPrincipal | undefined
}

async function submitSignIn(context: AccountsContext, submission: Submission): Promise<Reply> {
  const { req, res, address, publicUrl, previous } = submission
  requireSameOrigin(req, publicUrl)
  const fields = await readForm(req, res)
  const form = signInForm.safeParse(fields)
  const next = nextPath(typeof fields.next === 'string' ? fields.next : undefined)
  try {
    if (!form.success) throw badCredential('Invalid username or password')
    const { username, password } = form.data
    const origin = { address, browserIds: browserIdsOf(context, req.headers.cookie) }
    const { user, browserId } = await signIn(context, { username, password, origin, browser: true })
    const session = await openSession(context, user)
    if (previous !== undefined) await signOut(context, previous)
    res.append('Set-Cookie', sessionCookies(context.cookies, session))
    if (browserId !== undefined) res.append('Set-Cookie', browserCookieOf(context, browserId))
    res.set('Cache-Control', 'no-store').redirect(303, next)
  } catch (error) {
    // Programs get the error envelope; browsers get the form again with the error.
    if (!(error instanceof CodedError) || isJson(req)) throw error
    const { retryAfter } = error.options
    if (retryAfter !== undefined) res.set('Retry-After', String(retryAfter))
    const hint = retryAfter === undefined ? '' : `. Try again in ${retryAfter} seconds.`
    const page = {
      next,
      error: `${error.message}${hint}`,
      ...(form.success ? { username: form.data.username } : {}),
    }
    sendPage(res, error.status, signInPage(page))
  }
  return undefined
}

async function requireCsrfField(context: AccountsContext, req: Request, res: Response): Promise<void> {
  const header = req.get('x-csrf-token') ?? req.get('x-xsrf-token')
  const token = header ?? (await readForm(req, res)).csrf_token
  if (typeof token === 'string' && sameText(token, expectedCsrfToken(context, req))) return
  throw forbidden('The CSRF token is missing or wrong', {
    suggestedAction: 'Reload the page and send the form again',
  })
}

const expectedCsrfToken = (context: AccountsContext, req: Request) =>
  csrfTokenOf(context.secrets, sessionFromCookies(context.cookies, req.headers.cookie)?.id ?? '')

/** The account of the browser's session; a Bearer is ignored on these pages. */
function ownSession(principal: Principal | undefined): AccountPrincipal | undefined {
  return principal instanceof AccountPrincipal && principal.kind === 'session' ? principal : undefined
}
