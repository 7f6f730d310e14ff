import { z } from 'zod'
import { type OperationDescription, time } from '../../../platform/operations/index.ts'
import { environment, success } from './envelope.ts'

const known = z.boolean().nullable().describe('Null if it is unknown')
const unknown = z.array(z.string()).describe('The names of the values that are unknown')

const permissions = z.strictObject({ workers: known, containers: known, durableObjects: known })
const accountInfo = z.strictObject({
  id: z.string(),
  name: z.string().nullable(),
  type: z.enum(['free', 'pro', 'business', 'enterprise']),
  source: z.enum(['account', 'subscriptions', 'zones', 'assumed']),
})

const inspection = z
  .strictObject({ valid: z.literal(true), permissions, unknown, accountInfo, workersPaid: known })
  .meta({ id: 'CredentialInspection' })

const verification = z
  .strictObject({
    valid: z.literal(true),
    user: z.strictObject({ id: z.string(), email: z.string() }).nullable(),
    scopes: z.array(z.string()),
    requiredScopes: z.array(z.strictObject({ scope: z.string(), granted: known })),
    unknown,
    accounts: z.array(z.strictObject({ id: z.string(), name: z.string(), type: z.string() })),
  })
  .meta({ id: 'TokenVerification' })

const stored = z.strictObject({
  environment,
  configured: z.boolean(),
  source: z.string().nullable().describe('Where the credentials are from'),
  updatedAt: time.nullable(),
})
const credentials = stored.meta({ id: 'EnvironmentCredentials' })

const fromCloudflare = [
  'AUTH_003',
  'AUTH_004',
  'STATE_003',
  'SYS_002',
  'SYS_004',
  { code: 'REQ_002', status: 422 },
] as const

export const credentialOperations = {
  validateCredentials: {
    summary: 'Checks a Cloudflare token and account without storing them.',
    answers: { 200: success('What the token may do', inspection) },
    errors: fromCloudflare,
  },
  verifyCloudflareToken: {
    summary: 'Checks that a Cloudflare token is valid and has the required scopes.',
    answers: { 200: success('The token, its user and its accounts', verification) },
    errors: fromCloudflare,
  },
  getStoredCredentials: {
    summary: 'Shows whether an environment has credentials; never the credentials themselves.',
    answers: { 200: success('Whether it has credentials', credentials) },
  },
  storeCredentials: {
    summary: 'Stores the credentials of an environment after checking them.',
    answers: {
      200: success(
        'Stored',
        stored.extend({ permissions, unknown, accountInfo }).meta({ id: 'StoredCredentials' }),
      ),
    },
    errors: fromCloudflare,
  },
  deleteStoredCredentials: {
    summary: 'Deletes the stored credentials of an environment.',
    answers: { 200: success('Whether it still has credentials, from its variables', credentials) },
  },
  createGitHubToken: {
    summary: "Creates a token of a GitHub App's installation.",
    answers: {
      200: success(
        'The token',
        z
          .strictObject({
            token: z.string(),
            expiresAt: z.string(),
            permissions: z.record(z.string(), z.string()),
          })
          .meta({ id: 'GitHubToken' }),
      ),
    },
    errors: ['AUTH_001', 'AUTH_002', 'STATE_003', 'SYS_002', 'SYS_004', 'SYS_005'],
  },
} satisfies Record<string, OperationDescription>
