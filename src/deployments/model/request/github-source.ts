import { z } from 'zod'

/** The repository and commit that a deployment is reported to. */
export const githubSource = z.strictObject({
  owner: z.string().regex(/^[A-Za-z0-9](?:[A-Za-z0-9-]{0,98})$/, "expected the name of a repository's owner"),
  repo: z.string().regex(/^[A-Za-z0-9._-]{1,100}$/, 'expected the name of a repository'),
  ref: z
    .string()
    .regex(/^[\w.+@#%&=,;!(){}<>$'"/-]{1,250}$/, 'expected a branch, a tag or a commit')
    .refine((ref) => !ref.includes('..') && !ref.startsWith('/'), 'expected a branch, a tag or a commit'),
})

/** The commit that a plan deploys, frozen in the plan. */
export interface GitHubSource extends z.output<typeof githubSource> {
  sha: string
}
