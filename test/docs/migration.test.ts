import { expect, test } from 'vitest'
import { knownSettings } from '../../src/config.ts'
import { textOfPage } from './markdown.ts'

/** The interfaces of the earlier systems: their routes, settings, headers, programs and methods. */
const earlier = {
  'CCO Releases API': [
    ...[
      'GET /health',
      'GET /releases/latest',
      'GET /releases/{version}',
      'GET /download/{version}/{platform}',
      'GET /',
    ],
    ...['R2_ACCOUNT_ID', 'R2_ACCESS_KEY', 'R2_SECRET_KEY', 'R2_BUCKET', 'VERSION', 'ENVIRONMENT'],
    ...[
      'Authorization: Bearer',
      'docker compose up',
      'docker compose --profile dev up',
      'pytest',
      'docker build',
    ],
    ...[
      'docker compose -f docker-compose.prod.yml up -d',
      'docker compose logs -f releases-api',
      'docker run',
    ],
    ...['cp .env.example .env', 'wrangler r2 bucket create'],
  ],
  'Release Tracker': [
    ...['POST /api/collect', 'PUT /api/collect/{namespace}/{workload-kind}/{workload-name}/{container}'],
    ...[
      'GET /api/releases/current',
      'GET /api/releases/history/{client}/{env}/{namespace}/{workload}/{container}',
    ],
    ...['GET /api/clients-environments', 'POST /api/ping', 'GET /api/config', 'GET /health', 'MODE=master'],
    ...[
      'GET /badges/{api-key}/{client}/{env}/{workload-kind}/{workload-name}/{container}',
      'Authorization: Bearer',
    ],
    ...['admin key', 'client key', 'standard key'],
  ],
  'Orchestrator API': [
    ...[
      'POST /api/v1/auth/login',
      'POST /api/v1/auth/tokens',
      'GET /api/v1/auth/tokens',
      'GET /api/v1/auth/me',
    ],
    ...[
      'DELETE /api/v1/auth/tokens/{id}',
      'GET /api/v1/users',
      'POST /api/v1/users',
      'GET /api/v1/users/{id}',
    ],
    ...['PATCH /api/v1/users/{id}', 'DELETE /api/v1/users/{id}', 'GET /api/v1/orchestrators'],
    ...[
      'GET /api/v1/orchestrators/status',
      'GET /api/v1/orchestrators/status/summary',
      '/api/v1/ws/status?token=',
    ],
    ...[
      'GET /api/v1/orchestrators/{id}',
      'GET /api/v1/orchestrators/{id}/history',
      'GET /api/v1/statistics/bridge',
    ],
    ...[
      'GET /api/v1/statistics/networks',
      'GET /api/v1/statistics/uptime',
      'GET /health',
      'GET /health/ready',
    ],
    ...['X-RateLimit-Limit', 'X-RateLimit-Remaining', 'X-RateLimit-Reset', 'Authorization: Bearer', 'ping'],
    ...[
      'create_admin.py',
      'seed_nodes.py --json',
      'seed_nodes.py --mapping-file',
      'seed_nodes.py --from-env',
    ],
    ...['docker compose up -d', 'docker compose logs -f api', 'alembic upgrade head', 'alembic revision'],
    ...['alembic downgrade -1', 'uvicorn', 'pip install', 'SECRET_KEY', 'DATABASE_URL', 'REDIS_URL'],
    ...['docker compose -f docker-compose.prod.yml --env-file .env.prod up -d', 'ORCHESTRATOR_POLL_INTERVAL'],
    ...['MIN_ONLINE_FOR_BRIDGE', 'DEFAULT_RATE_LIMIT_PER_SECOND', 'ADMIN_RATE_LIMIT_PER_SECOND'],
    ...['DB_PASSWORD', 'REDIS_PASSWORD'],
  ],
  'Deployment API': [
    ...['POST /deploy/validate', 'POST /deploy/prepare', 'POST /deploy', 'GET /deploy/{deploymentId}/status'],
    ...[
      'GET /deploy/{deploymentId}/logs',
      'POST /deploy/{deploymentId}/rollback',
      'POST /deploy/{deploymentId}/retry',
    ],
    ...['POST /auth/github-app/token', 'POST /auth/cloudflare/verify', 'GET /health/deployment'],
    ...[
      'options.dryRun',
      'options.rollbackOnFailure',
      'options.maxRetries',
      'correlationId',
      '"success"',
      '"error"',
    ],
    ...['AUTH_001', 'AUTH_005', 'DEPLOY_001', 'DEPLOY_007', 'SYS_001', 'SYS_005', 'validateCredentials()'],
    ...[
      'prepareDeployment()',
      'executeDeploy()',
      'getDeploymentStatus()',
      'streamLogs()',
      'rollbackDeployment()',
    ],
    ...['retryFailedStep()', 'generateGitHubToken()', 'verifyCloudflareToken()', 'refreshTokens()'],
    ...[
      'validatePermissions()',
      'getHealthStatus()',
      'getDeploymentMetrics()',
      'getErrorMetrics()',
      'getResourceUsage()',
    ],
  ],
}

const sections = new Map(
  textOfPage('docs/migration.md')
    .split(/^## /m)
    .slice(1)
    .map((text) => {
      const rows = [...text.matchAll(/^\| (?<old>.+?) \| (?<now>.+) \|$/gm)].map(({ groups }) => groups)
      return [text.split('\n')[0] ?? '', rows.filter((row) => row !== undefined)] as const
    }),
)

test.each(Object.entries(earlier))('migration names everything of the %s', (system, names) => {
  const old = (sections.get(system) ?? []).map((row) => row.old ?? '')
  expect(names.filter((name) => !old.some((cell) => cell.includes(name)))).toEqual([])
})

test('migration names only settings that exist, beside those of docker-compose', () => {
  const now = [...sections.values()].flat().map((row) => row.now ?? '')
  const names = now.flatMap((cell) =>
    [...cell.matchAll(/`([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)(?:=[^`]*)?`/g)].map((each) => each[1] ?? ''),
  )
  expect(names.length).toBeGreaterThan(20)
  expect(names.filter((name) => !knownSettings.includes(name))).toEqual([])
})
