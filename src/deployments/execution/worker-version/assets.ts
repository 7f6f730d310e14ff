import type { WorkerUpload } from '../../cloudflare/workers-api.ts'
import { planUnusable } from '../../model/errors.ts'
import type { StepContext } from '../steps/context.ts'

/** The static files of an upload: the token of those that were sent before, and how they are served. */
export async function assetsOf({ plan }: StepContext): Promise<Pick<WorkerUpload, 'assets'>> {
  if (plan.config.assets === undefined) return {}
  throw planUnusable('Static files cannot be deployed yet')
}
