import { z } from 'zod'

const level = z.enum(['read', 'write'])

/** The permissions that a release pipeline needs; GitHub refuses those that the installation does not have. */
const permissions = z
  .strictObject({
    actions: level.optional(),
    checks: level.optional(),
    contents: level.optional(),
    deployments: level.optional(),
    issues: level.optional(),
    metadata: z.literal('read').optional(),
    packages: level.optional(),
    pull_requests: level.optional(),
    statuses: level.optional(),
  })
  .refine((requested) => Object.keys(requested).length > 0, 'expected at least one permission')
  .transform((requested) =>
    Object.fromEntries(
      Object.entries(requested).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
    ),
  )

export const githubTokenBody = z.strictObject({
  installationId: z.string().regex(/^[1-9][0-9]{0,14}$/, 'expected digits'),
  permissions,
})

/** The repository and commit that a deployment is reported to. */
export const githubSource = z.strictObject({
  owner: z.string().regex(/^[A-Za-z0-9](?:[A-Za-z0-9-]{0,98})$/, "expected the name of a repository's owner"),
  repo: z.string().regex(/^[A-Za-z0-9._-]{1,100}$/, 'expected the name of a repository'),
  ref: z
    .string()
    .regex(/^[\w.+@#%&=,;!(){}<>$'"/-]{1,250}$/, 'expected a branch, a tag or a commit')
    .refine((ref) => !ref.includes('..') && !ref.startsWith('/'), 'expected a branch, a tag or a commit'),
})
