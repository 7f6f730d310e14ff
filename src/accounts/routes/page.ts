import type { Response } from 'express'

const style = `
:root { color-scheme: light dark; font: 100%/1.5 system-ui, sans-serif }
body { margin: 0; min-height: 100vh; display: grid; place-items: center }
main { width: min(22rem, 100vw - 2rem) }
h1 { font-size: 1.5rem }
label { display: block; margin-top: 1rem }
input, button { box-sizing: border-box; width: 100%; font: inherit; padding: .5rem .75rem;
  border: 1px solid #767676; border-radius: .375rem }
button { margin-top: 1.5rem; border: 0; background: #1d4ed8; color: #fff; cursor: pointer }
:focus-visible { outline: 3px solid #f59e0b; outline-offset: 2px }
.error { padding: .5rem .75rem; border-left: 4px solid #b91c1c; background: #fee2e2; color: #7f1d1d }
`

interface SignInPage {
  next: string
  username?: string
  error?: string
}

/**
 * The sign-in form. It has no scripts or external resources, so it works under a strict content security policy.
 */
export function signInPage(page: SignInPage): string {
  const error =
    page.error === undefined ? '' : `<p class="error" id="error" role="alert">${escapeHtml(page.error)}</p>`
  const described = page.error === undefined ? '' : ' aria-describedby="error" aria-invalid="true"'
  const focus = (isFocused: boolean) => (isFocused ? ' autofocus' : '')
  return document(
    'Sign in',
    `<h1>Sign in to Capstan</h1>
${error}
<form method="post" action="/login">
  <input type="hidden" name="next" value="${escapeHtml(page.next)}">
  <label for="username">User name</label>
  <input id="username" name="username" value="${escapeHtml(page.username ?? '')}" autocomplete="username"
    autocapitalize="none" spellcheck="false" maxlength="50" required${focus(!page.username)}${described}>
  <label for="password">Password</label>
  <input id="password" name="password" type="password" autocomplete="current-password" maxlength="1024"
    required${focus(Boolean(page.username))}${described}>
  <button>Sign in</button>
</form>`,
  )
}

/**
 * The page for a signed-in user instead of the form. It does not redirect, which could loop with a page that refuses
 * the user.
 */
export function signedInPage(page: { username: string; next: string; csrfToken: string }): string {
  return document(
    'Signed in',
    `<h1>Capstan</h1>
<p>You are signed in as <strong>${escapeHtml(page.username)}</strong>.</p>
<p><a href="${escapeHtml(page.next)}">Continue</a></p>
<form method="post" action="/logout">
  <input type="hidden" name="csrf_token" value="${escapeHtml(page.csrfToken)}">
  <button>Sign out</button>
</form>`,
  )
}

/** Sends a page that is not cached. */
export function sendPage(res: Response, status: number, html: string): void {
  res.status(status).set('Cache-Control', 'no-store')
  // With "no-referrer", browsers send `Origin: null` with forms of this page, like those of other sites.
  res.set('Referrer-Policy', 'same-origin').type('html').send(html)
}

function document(title: string, body: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} - Capstan</title>
<style>${style}</style>
</head>
<body><main>
${body}
</main></body>
</html>
`
}

const entities: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => entities[character] ?? '')
}
