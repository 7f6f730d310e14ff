import type { WorkerUpload } from '../../cloudflare/workers-api.ts'
import { sendAssets } from '../assets/send.ts'
import type { StepContext } from '../steps/context.ts'

/**
 * The static files of an upload: a completion token, and how they are served. The token is valid for an hour and stored
 * nowhere, so it is requested here; the files were sent before, and the cloud asks only for those that it lost since then.
 */
export async function assetsOf(context: StepContext): Promise<Pick<WorkerUpload, 'assets'>> {
  const { assets } = context.plan.config
  if (assets === undefined) return {}
  const { token } = await sendAssets(context)
  return { assets: { jwt: token, config: assets.config } }
}
