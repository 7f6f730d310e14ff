import type { AppState } from '../model/app-state.ts'
import type { PlanConfig, PlanHead, Publication } from '../model/plan.ts'
import type { Snapshot } from '../store/index.ts'

/** The defaults for a new Worker: the workers.dev address is enabled, preview URLs of versions are not. */
const firstPublication: Required<Publication> = { workersDev: true, previewUrls: false }

/** The defaults for a project that lists its bindings are Cloudflare's: preview URLs as the workers.dev address. */
const firstOf = ({ bindings, workersDev = true }: Pick<PlanConfig, 'bindings' | 'workersDev'>) =>
  bindings === undefined ? firstPublication : { workersDev, previewUrls: workersDev }

/**
 * The addresses that a plan sets: those in the request, and the defaults for a first deployment. An address that was
 * disabled before stays disabled.
 */
export function publicationOf(
  config: Pick<PlanConfig, 'workersDev' | 'previewUrls' | 'bindings'>,
  state: Pick<AppState, 'exists'>,
): Publication {
  const { workersDev, previewUrls } = config
  return {
    ...(state.exists ? {} : firstOf(config)),
    ...(workersDev === undefined ? {} : { workersDev }),
    ...(previewUrls === undefined ? {} : { previewUrls }),
  }
}

/** The addresses that a deployed plan sets. Plans of older versions of Capstan do not contain them. */
export function plannedPublication(
  { preview }: Pick<PlanHead, 'preview'>,
  snapshot: Snapshot | null,
): Publication {
  return preview.publication ?? (snapshot?.scriptExists === false ? firstPublication : {})
}
