import type { WorkerUpload } from '../../cloudflare/workers-api.ts'
import type { AppState } from '../../model/app-state.ts'
import { inherited, keptBindings, secretTypes } from '../../plans/current-state/index.ts'
import type { StepContext } from '../steps/context.ts'

/**
 * What an upload says so that everything stays that the plan does not mention: an upload takes away all bindings that
 * it leaves out.
 * @param about.latest the newest version, which need not serve.
 */
export function keeping(
  { plan, log }: StepContext,
  { state, latest }: { state: AppState; latest: string | undefined },
): Pick<WorkerUpload, 'kept' | 'keepBindings' | 'keepAssets'> {
  if (!state.exists) return {}
  const kept = keptBindings(plan, plan.basis ?? state)
  if (kept.length > 0) log.info(`Bindings kept unchanged: ${kept.map(({ name }) => name).join(', ')}`)
  // Also a secret that somebody sets at this very moment. By its type it is passed on by the newest version, so not
  // where that one does not serve, and not where a secret is to go.
  const serves = state.traffic.length === 1 && state.traffic[0]?.versionId === latest
  const byType = serves && plan.config.deleteSecrets === undefined
  return {
    kept: inherited(kept),
    ...(byType ? { keepBindings: secretTypes } : {}),
    ...(state.hasAssets ? { keepAssets: true } : {}),
  }
}

/** The settings of the script that a whole upload sends again, so that it does not reset them. */
export const settingsOf = ({ settings }: AppState): Record<string, unknown> =>
  Object.fromEntries(Object.entries(settings).filter(([, value]) => isSet(value)))

const isSet = (value: unknown) =>
  value !== null && value !== false && !(Array.isArray(value) && value.length === 0)
