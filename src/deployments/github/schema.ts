import { z } from 'zod'

const level = z.enum(['read', 'write'])

/** What a release pipeline needs of a repository; what the installation was not given is refused by GitHub. */
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
  .refine((asked) => Object.keys(asked).length > 0, 'expected at least one permission')
  .transform((asked) =>
    Object.fromEntries(
      Object.entries(asked).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
    ),
  )

export const githubTokenBody = z.strictObject({
  installationId: z.string().regex(/^[1-9][0-9]{0,14}$/, 'expected digits'),
  permissions,
})

/** The repository and commit that a deployment is told to. */
export const githubSource = z.strictObject({
  owner: z.string().regex(/^[A-Za-z0-9](?:[A-Za-z0-9-]{0,98})$/, "expected the name of a repository's owner"),
  repo: z.string().regex(/^[A-Za-z0-9._-]{1,100}$/, 'expected the name of a repository'),
  ref: z
    .string()
    .regex(/^[\w.+@#%&=,;!(){}<>$'"/-]{1,250}$/, 'expected a branch, a tag or a commit')
    .refine((ref) => !ref.includes('..') && !ref.startsWith('/'), 'expected a branch, a tag or a commit'),
})
