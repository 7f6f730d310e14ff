import type { StepContext } from '../steps/context.ts'

/**
 * Whether a version answers requests, so that it can be checked: it has static files or a handler for `fetch`. Others
 * are started by schedules, queues and other Workers only, whatever addresses lead to them.
 */
export async function answersRequests(
  { plan, target, signal }: Pick<StepContext, 'plan' | 'target' | 'signal'>,
  versionId: string,
): Promise<boolean> {
  const { assets, bindings, script } = plan.config
  const keepsAssets = plan.basis?.hasAssets === true && bindings === undefined
  if (assets !== undefined || keepsAssets) return true
  const { handlers } = await target.cloud.version(script, versionId, signal)
  return handlers?.includes('fetch') ?? true
}
