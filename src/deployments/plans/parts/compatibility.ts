import type { AppState } from '../../model/app-state.ts'
import { defaultCompatibility, type PlanConfig, type PlanHead } from '../../model/plan.ts'
import type { Compatibility } from '../../model/request/code.ts'

/** The compatibility settings of a new version: those of the request, those of the serving version, or the defaults. */
export function compatibilityOf(
  { compatibility = {} }: Pick<PlanConfig, 'compatibility'>,
  state: Pick<AppState, 'exists' | 'compatibility'>,
): Compatibility {
  const present = state.exists ? state.compatibility : defaultCompatibility
  return { date: compatibility.date ?? present.date, flags: compatibility.flags ?? present.flags }
}

/** The compatibility settings of a deployed plan. Plans of older versions of Capstan contain both. */
export function plannedCompatibility({
  preview,
  config,
}: Pick<PlanHead, 'preview' | 'config'>): Compatibility {
  return (
    preview.compatibility ?? {
      date: config.compatibility?.date ?? null,
      flags: config.compatibility?.flags ?? [],
    }
  )
}
