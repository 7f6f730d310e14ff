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
