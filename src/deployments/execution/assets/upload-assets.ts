import type { StepContext, StepResult } from '../steps/context.ts'
import { sendAssets } from './send.ts'

/**
 * Uploads the plan's static files that the cloud lacks. They belong to no version yet, so that a failure leaves nothing to
 * undo. A run after a crash asks the cloud again and sends only the rest.
 */
export async function uploadAssets(context: StepContext): Promise<StepResult> {
  const { files = 0 } = context.plan.config.assets ?? {}
  const { sentFiles, sentBytes } = await sendAssets(context)
  const { log } = context
  if (sentFiles === 0) log.info(`The cloud already has all ${countOf(files)}`)
  else log.info(`Sent ${countOf(sentFiles)} of ${files}, ${(sentBytes / 1_000_000).toFixed(1)} MB`)
  return {}
}

const countOf = (files: number) => (files === 1 ? '1 file' : `${files} files`)
