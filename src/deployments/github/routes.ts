import { type Route, route } from '../../platform/http/index.ts'
import { success } from '../routes/success.ts'
import type { GitHub } from './index.ts'
import { githubTokenBody } from './schema.ts'

const budgetMs = 15_000

/**
 * Hands out a token of an installation. The App has no environments, so that whoever gets one must be trusted with
 * production. The answer is not kept for an Idempotency-Key.
 */
export function githubRoutes(github: GitHub): Route[] {
  return [
    route({
      wrap: success,
      method: 'post',
      path: '/auth/github-app/token',
      access: 'deployments:write:production',
      body: githubTokenBody,
      async handle({ body }) {
        const wish = { installationId: Number(body.installationId), permissions: body.permissions }
        const signal = AbortSignal.timeout(budgetMs)
        const { token, expiresAt, permissions } = await github.tokens.get(wish, { signal })
        return { body: { token, expiresAt, permissions }, headers: { 'Cache-Control': 'no-store' } }
      },
    }),
  ]
}
