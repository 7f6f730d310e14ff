import { type WorkerUpload, withTraffic } from '../../cloudflare/workers-api.ts'
import type { AppState } from '../../model/app-state.ts'
import { inherited, keptBindings, secretTypes, variableTypes } from '../../plans/current-state/index.ts'
import type { StepContext } from '../steps/context.ts'

/**
 * The fields of an upload that preserve what the plan does not mention: an upload removes all bindings that it omits.
 * @param input.latest the newest version, which need not serve
 */
export function preservedContent(
  { plan, log }: StepContext,
  { state, latest }: { state: AppState; latest: string | undefined },
): Pick<WorkerUpload, 'kept' | 'keepBindings' | 'keepAssets'> {
  if (!state.exists) return {}
  const kept = keptBindings(plan, plan.basis ?? state)
  if (kept.length > 0) log.info(`Bindings kept unchanged: ${kept.map(({ name }) => name).join(', ')}`)
  // Keeping secrets by type also covers a secret that is set at this very moment. Such secrets come from the newest
  // version, so this needs that version to serve, and no secret to be deleted.
  const [serving, other] = withTraffic(state.traffic)
  const serves = serving?.versionId === latest && other === undefined
  const { deleteSecrets, keepVars = false, bindings, assets } = plan.config
  const byType = serves && deleteSecrets === undefined
  // A plan that lists its bindings is complete: without static files, the app has none.
  const keepsAssets = state.hasAssets && assets === undefined && bindings === undefined
  return {
    kept: inherited(kept),
    ...(byType ? { keepBindings: [...secretTypes, ...(keepVars ? variableTypes : [])] } : {}),
    ...(keepsAssets ? { keepAssets: true } : {}),
  }
}

/** The settings of the script that a whole upload sends again, so that it does not reset them. */
export const settingsOf = ({ settings }: AppState): Record<string, unknown> =>
  Object.fromEntries(Object.entries(settings).filter(([, value]) => isSet(value)))

const isSet = (value: unknown) =>
  value !== null && value !== false && !(Array.isArray(value) && value.length === 0)
