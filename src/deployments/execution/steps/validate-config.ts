import { limitExceeded, planUnusable } from '../../model/errors.ts'
import { planDigest, pullSecretContext, pullSecretName } from '../../model/plan.ts'
import { sizeOf } from '../worker-version/upload-modules.ts'
import type { StepContext, StepResult } from './context.ts'

// Cloudflare's limit for a script, which has changed before.
const maxScriptBytes = 64 * 1024 * 1024

/** Step 1: checks that the frozen plan is complete and still has the digest that was shown. */
export async function validateConfig(context: StepContext): Promise<StepResult> {
  const { plan, secrets, log } = context
  const modules = await context.storedModules()
  const fingerprints: Record<string, string> = {}
  for (const [name, sealed] of Object.entries(plan.secrets)) {
    fingerprints[name] = secrets.fingerprint(secrets.open(sealed, `plan:${plan.id}:${name}`))
  }
  if (plan.pullSecret !== null) {
    const opened = secrets.open(plan.pullSecret, pullSecretContext(plan.id))
    fingerprints[pullSecretName] = secrets.fingerprint(opened)
  }
  const { environment, app, config } = plan
  const digest = planDigest({ environment, app, config, modules, secretFingerprints: fingerprints })
  if (digest !== plan.digest) throw planUnusable('The plan does not match its digest')
  const bytes = modules.reduce((sum, module) => sum + sizeOf(module), 0)
  if (bytes > maxScriptBytes) throw limitExceeded('The script is larger than 64 MiB')
  log.info(`${app} for ${environment}: ${modules.length} module(s), ${bytes} bytes, ${plan.digest}`)
  return {}
}
