import { z } from 'zod'
import { environment } from '../model/schema.ts'
import { parseScope } from './scopes.ts'

/** Visible ASCII characters, which are valid in a header. */
const apiToken = z.string().regex(/^[\x21-\x7e]{20,512}$/, 'expected 20 to 512 visible characters')

const credentials = z.strictObject({ cloudflareApiToken: apiToken, accountId: z.string().max(100) })

export const validateBody = z.strictObject({ environment, credentials })
export const putCredentialsBody = credentials
export const environmentParams = z.object({ environment })

const scope = z.string().transform((text, context) => {
  const parsed = parseScope(text)
  if (parsed !== undefined) return parsed
  const message = 'expected Zone, Account or User, a permission group, and Read or Edit, like Zone:DNS:Edit'
  context.addIssue({ code: 'custom', message, input: text })
  return z.NEVER
})

export const verifyBody = z.strictObject({ apiToken, requiredScopes: z.array(scope).max(100).default([]) })
