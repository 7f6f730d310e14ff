import { z } from 'zod'
import { permissions } from '../../platform/auth.ts'
import {
  type Answer,
  count,
  jsonAnswer,
  type OperationDescription,
  redirect,
  sometimes,
  success,
  time,
} from '../../platform/operations/index.ts'
import { signInForm } from '../schema.ts'

const scopes = z
  .array(z.enum(permissions))
  .nullable()
  .describe('The permissions that the credential is limited to; null: those of its user')

const user = z.strictObject({
  id: z.uuid(),
  username: z.string(),
  email: z.string(),
  is_active: z.boolean(),
  is_admin: z.boolean(),
  rate_limit_per_second: count,
  rate_limit_burst: count,
  created_at: time,
})
const me = user.extend({ scopes }).meta({ id: 'OwnAccount' })
const managedUser = user.extend({ updated_at: time }).meta({ id: 'User' })
const users = z.strictObject({ users: z.array(managedUser), total: count }).meta({ id: 'UserList' })

const token = z.strictObject({
  id: z.uuid(),
  name: z.string(),
  scopes,
  expires_at: time.nullable(),
  created_at: time,
})
const listedToken = token
  .extend({ is_revoked: z.boolean(), last_used_at: time.nullable() })
  .meta({ id: 'ApiToken' })
const tokens = z.strictObject({ tokens: z.array(listedToken), total: count }).meta({ id: 'ApiTokenList' })
const newToken = token
  .extend({ token: z.string().describe('The token itself, which no other answer contains') })
  .meta({ id: 'NewApiToken' })

const jwt = z.strictObject({
  access_token: z.string(),
  token_type: z.literal('bearer'),
  expires_in: count.describe('Seconds'),
})
const passwordChange = success.extend(jwt.partial().shape).meta({ id: 'PasswordChange' })

const cookie = sometimes('The cookies of the session')
const page = (description: string): Answer => ({
  description,
  content: { 'text/html': { bytes: true } },
  headers: { 'Set-Cookie': cookie },
})

export const operations = {
  signIn: {
    summary: 'Exchanges a user name and password for a JWT.',
    answers: {
      200: jsonAnswer('The JWT', jwt.meta({ id: 'SignIn' }), {
        'Set-Cookie': sometimes('Marks a browser in which the user has signed in before'),
      }),
    },
    errors: ['ACCESS_002', 'ACCESS_003'],
  },
  signOut: {
    summary: 'Ends the session, or revokes the JWT, with which the caller is signed in.',
    answers: { 200: jsonAnswer('Signed out', success, { 'Set-Cookie': sometimes('Removes the cookies') }) },
    errors: ['STATE_001'],
  },
  getOwnAccount: {
    summary: "Shows the caller's account.",
    answers: { 200: jsonAnswer('The account', me) },
  },
  changeOwnPassword: {
    summary: "Changes the caller's password and ends all other sessions and JWTs.",
    answers: { 200: jsonAnswer('Changed; a caller with a JWT gets a new one', passwordChange) },
    errors: ['STATE_001'],
  },
  createToken: {
    summary: 'Creates an API token of the caller.',
    answers: { 200: jsonAnswer('The token', newToken) },
    errors: ['STATE_001'],
  },
  listTokens: {
    summary: "Lists the caller's API tokens.",
    answers: { 200: jsonAnswer('The tokens, without their secrets', tokens) },
  },
  revokeToken: {
    summary: 'Revokes an API token of the caller.',
    answers: { 200: jsonAnswer('Revoked', success) },
  },
  listUsers: {
    summary: 'Lists users.',
    answers: { 200: jsonAnswer('One page of users, and how many there are', users) },
  },
  createUser: {
    summary: 'Creates a user.',
    answers: { 200: jsonAnswer('The user', managedUser) },
    errors: ['STATE_001'],
  },
  getUser: {
    summary: 'Shows a user.',
    answers: { 200: jsonAnswer('The user', managedUser) },
  },
  updateUser: {
    summary: 'Changes a user.',
    answers: { 200: jsonAnswer('The user', managedUser) },
    errors: ['STATE_001'],
  },
  deactivateUser: {
    summary: 'Deactivates a user and ends its sessions; the account stays.',
    answers: { 200: jsonAnswer('Deactivated', success) },
    errors: ['STATE_001'],
  },
  listUserTokens: {
    summary: 'Lists the API tokens of a user.',
    answers: { 200: jsonAnswer('The tokens, without their secrets', tokens) },
  },
  revokeUserToken: {
    summary: 'Revokes an API token of a user.',
    answers: { 200: jsonAnswer('Revoked', success) },
  },
  showSignInPage: {
    summary: 'Shows the sign-in page to a browser.',
    answers: { 200: page('The page') },
  },
  submitSignInPage: {
    summary: 'Signs a browser in and starts its session.',
    description:
      'A browser that sent a form gets the page again with the error, in place of the error envelope.',
    answers: {
      303: redirect('Signed in', { 'Set-Cookie': cookie }),
    },
    body: {
      required: true,
      content: {
        'application/x-www-form-urlencoded': { schema: signInForm },
        'application/json': { schema: signInForm },
      },
    },
    errorPage: true,
    errors: ['ACCESS_002', 'ACCESS_003'],
  },
  signOutOfBrowser: {
    summary: 'Ends the session of a browser.',
    answers: { 303: redirect('Signed out', { 'Set-Cookie': cookie }) },
    body: {
      required: false,
      content: {
        'application/x-www-form-urlencoded': { schema: z.object({ csrf_token: z.string().optional() }) },
      },
    },
    errors: ['ACCESS_003'],
  },
} satisfies Record<string, OperationDescription>
