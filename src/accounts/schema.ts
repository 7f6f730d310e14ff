import { z } from 'zod'
import { permissions } from '../platform/auth.ts'
import { rateLimitBounds } from '../platform/config/index.ts'
import { instant } from '../platform/instant.ts'

export const passwordLength = { min: 8, max: 1024 }

/** No control characters: PostgreSQL cannot store NUL, and a line break in a name can forge a log line or a page. */
const printable = /^[^\p{Cc}]*$/u
const text = (min: number, max: number) =>
  z.string().min(min).max(max).regex(printable, 'control characters are not allowed')

export const password = z.string().min(passwordLength.min).max(passwordLength.max)
export const username = text(3, 50).regex(/^\S(.*\S)?$/u, 'must not begin or end with a space')
/** Deliberately loose: `admin@localhost` is an address, and only a sent mail can verify one. */
export const email = text(3, 255).regex(/^[^\s@]+@[^\s@]+$/, 'expected an e-mail address')

export const loginBody = z.strictObject({ username: text(3, 50), password })

/** The form of the sign-in page, which treats every invalid form as a failed sign-in. */
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
  expires_at: instant({ error: 'expected an ISO 8601 time with a zone' }).nullish(),
  // An empty list is refused: it would allow nothing, but is easily mistaken for "no limit".
  scopes: z.array(z.enum(permissions)).min(1).max(permissions.length).nullish(),
})

const perSecond = z.int().min(1).max(rateLimitBounds.perSecond)
const burst = z.int().min(1).max(rateLimitBounds.burst)

/** Missing or null limits default to those of the role. */
export const newUserBody = z.strictObject({
  username,
  email,
  password,
  is_admin: z.boolean().default(false),
  rate_limit_per_second: perSecond.nullish(),
  rate_limit_burst: burst.nullish(),
})

/** Missing or null fields keep their values. */
export const userChangeBody = z.strictObject({
  username: username.nullish(),
  email: email.nullish(),
  password: password.nullish(),
  is_active: z.boolean().nullish(),
  is_admin: z.boolean().nullish(),
  rate_limit_per_second: perSecond.nullish(),
  rate_limit_burst: burst.nullish(),
})

const count = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d{1,10}$/, 'expected a whole number')
    .transform(Number)
    .pipe(z.int().min(min).max(max))

export const usersQuery = z.strictObject({
  skip: count(0, 1_000_000_000).default(0),
  limit: count(1, 100).default(50),
  is_active: z
    .enum(['true', 'false'])
    .transform((text) => text === 'true')
    .optional(),
})

export const userPath = z.object({ id: z.uuid() })
export const userTokenPath = z.object({ id: z.uuid(), token: z.uuid() })

export const tokenPath = z.object({ id: z.uuid() })

export const nextQuery = z.object({ next: z.string().max(2000).optional().catch(undefined) })
