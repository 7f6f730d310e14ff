import { type Route, route } from '../../platform/http/index.ts'
import type { GitHub } from '../github/index.ts'
import { githubTokenBody } from '../github/schema.ts'
import { operation } from './operation.ts'
import { success } from './success.ts'

const budgetMs = 15_000

/**
 * Returns a token of an installation. The App's tokens are not limited to an environment, so the caller needs the
 * permission for production. The response is not stored for an Idempotency-Key.
 */
export function githubRoutes(github: GitHub): Route[] {
  return [
    route({
      ...operation('createGitHubToken'),
      wrap: success,
      method: 'post',
      path: '/auth/github-app/token',
      access: 'deployments:write:production',
      body: githubTokenBody,
      async handle({ body }) {
        const request = { installationId: Number(body.installationId), permissions: body.permissions }
        const signal = AbortSignal.timeout(budgetMs)
        const { token, expiresAt, permissions } = await github.tokens.get(request, { signal })
        return { body: { token, expiresAt, permissions }, headers: { 'Cache-Control': 'no-store' } }
      },
    }),
  ]
}
