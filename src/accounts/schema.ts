import { z } from 'zod'
import { permissions } from '../platform/auth.ts'

export const passwordLength = { min: 8, max: 1024 }

/** PostgreSQL can't store NUL, and a name with a line break can forge a log line or a page. */
const printable = /^[^\p{Cc}]*$/u
const text = (min: number, max: number) =>
  z.string().min(min).max(max).regex(printable, 'control characters are not allowed')

export const password = z.string().min(passwordLength.min).max(passwordLength.max)
export const username = text(3, 50).regex(/^\S(.*\S)?$/u, 'must not begin or end with a space')
/** Loose on purpose: `admin@localhost` is an address, and only a mail can prove one. */
export const email = text(3, 255).regex(/^[^\s@]+@[^\s@]+$/, 'expected an e-mail address')

export const loginBody = z.strictObject({ username: text(3, 50), password })

/** The sign-in page's form; the page answers every fault of it as a failed sign-in. */
export const signInForm = z.object({
  username: text(1, 50),
  password: z.string().min(1).max(passwordLength.max),
  next: z.string().max(2000).optional(),
})

export const passwordChangeBody = z.strictObject({
  current_password: z.string().min(1).max(passwordLength.max),
  new_password: password,
})

export const newTokenBody = z.strictObject({
  name: text(1, 100),
  expires_at: z.iso.datetime({ offset: true, error: 'expected an ISO 8601 time with a zone' }).nullish(),
  // An empty list would be a token that may do nothing, and is easily mistaken for "no limit".
  scopes: z.array(z.enum(permissions)).min(1).max(permissions.length).nullish(),
})

export const tokenPath = z.object({ id: z.uuid() })

export const nextQuery = z.object({ next: z.string().max(2000).optional().catch(undefined) })
