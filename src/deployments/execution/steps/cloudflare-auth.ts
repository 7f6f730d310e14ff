import { tokenRejected } from '../../model/errors.ts'
import { reportToGitHub } from '../report-to-github.ts'
import type { StepContext, StepResult } from './context.ts'

/** Step 2: checks that the API token is active and belongs to the account; reports the start to GitHub. */
export async function cloudflareAuth(context: StepContext): Promise<StepResult> {
  const { target, signal, log } = context
  const token = await target.cloud.verifyToken(signal)
  if (token.status !== 'active') throw tokenRejected(`The Cloudflare API token is ${token.status}`)
  const account = await target.cloud.account(signal)
  log.info(
    `The token is active for the account ${account.name}${target.kind === 'local' ? ' (local cloud)' : ''}`,
  )
  await reportToGitHub(context)
  return {}
}
