import type { AppState } from '../model/app-state.ts'
import type { PlanConfig, PlanHead, Publication } from '../model/plan.ts'
import type { Snapshot } from '../store/index.ts'

/** Of a Worker that does not exist yet: it answers at workers.dev, its versions have no addresses of their own. */
const firstPublication: Required<Publication> = { workersDev: true, previewUrls: false }

/**
 * What a plan sets of its Worker's addresses: what the request says, and for a first deployment the defaults. An
 * address that somebody has closed stays closed.
 */
export function publicationOf(
  { workersDev, previewUrls }: Pick<PlanConfig, 'workersDev' | 'previewUrls'>,
  state: Pick<AppState, 'exists'>,
): Publication {
  return {
    ...(state.exists ? {} : firstPublication),
    ...(workersDev === undefined ? {} : { workersDev }),
    ...(previewUrls === undefined ? {} : { previewUrls }),
  }
}

/** The same for a plan that is carried out; of one from an older version of Capstan, which does not say it. */
export function plannedPublication(
  { preview }: Pick<PlanHead, 'preview'>,
  snapshot: Snapshot | null,
): Publication {
  return preview.publication ?? (snapshot?.scriptExists === false ? firstPublication : {})
}
