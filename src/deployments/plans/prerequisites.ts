import { dependencyFailed, invalidBody } from '../../platform/errors.ts'
import type { AppState } from '../model/app-state.ts'
import type { PrepareConfig } from '../model/request/config.ts'
import type { Target } from '../targets/targets.ts'
import { kindOf } from './current-state/index.ts'

/** Refuses an app of another Cloudflare account. The local cloud takes the apps of all accounts. @throws STATE_003 */
export function requireAccount(
  { accountId }: Pick<PrepareConfig, 'accountId'>,
  target: Pick<Target, 'kind' | 'accountId'>,
): void {
  if (accountId === undefined || target.kind === 'local' || accountId === target.accountId) return
  throw dependencyFailed(
    `The app belongs to the Cloudflare account ${accountId}, but the credentials of this environment to ${target.accountId}`,
    { details: { checks: { resources: 'pass', quotas: 'pass', dependencies: 'fail' } } },
  )
}

/** Refuses a plan without the value of a secret that the app needs and does not have. @throws REQ_002 with each of them */
export function requireSecrets(config: PrepareConfig, { bindings }: Pick<AppState, 'bindings'>): void {
  const kept = bindings.filter(
    ({ type, name }) => kindOf(type) === 'secret' && !config.deleteSecrets.includes(name),
  )
  const present = new Set([...kept.map(({ name }) => name), ...Object.keys(config.secrets)])
  const missing = (config.requiredSecrets ?? []).filter((name) => !present.has(name))
  if (missing.length === 0) return
  throw invalidBody(
    missing.map((name) => ({
      path: 'config.requiredSecrets',
      problem: `the app has no secret ${name}: give its value in secrets (on the command line, in the environment variable ${name})`,
    })),
  )
}
