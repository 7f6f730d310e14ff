import type { ApiClient } from '../../cli/api/client.ts'
import { confirm, type ExitCode, exitCodes, plain, UsageFault } from '../../cli/index.ts'
import { appPath, resolveApp } from './apps.ts'
import { type Console, postOnce, requireConsent } from './console.ts'
import { followToEnd } from './output/follow.ts'
import { cancelAnswer, deletionAnswer, jobAnswer, retryAnswer } from './wire.ts'

/** The options of `capstan deploy retry`. */
export interface RetryFlags {
  step?: string
  maxRetries?: number
}

/** `capstan deploy retry`: runs the failed step again and follows the deployment to its end. */
export async function retry({ deps, out }: Console, id: string, flags: RetryFlags): Promise<ExitCode> {
  const { step: stepName, maxRetries } = flags
  const client = await deps.client()
  const started = await client.call(retryAnswer, postOnce(actionPath(id, 'retry'), { stepName, maxRetries }))
  const last = started.lastAttempt ?? started.maxAttempts
  out.say(`Trying again: ${plain(started.step)}, attempt ${started.attempt} of ${last}`)
  return followToEnd(client, id, { out })
}

/** `capstan deploy cancel`: cancels a deployment and follows it to its end. */
export async function cancel({ deps, out }: Console, id: string): Promise<ExitCode> {
  const client = await deps.client()
  await client.call(cancelAnswer, postOnce(actionPath(id, 'cancel'), {}))
  out.say('Requested the cancellation')
  return followToEnd(client, id, { out, good: ['cancelled', 'rolled_back'] })
}

/** The options of `capstan deploy delete`. */
export interface DeleteFlags {
  environment?: string
  yes?: boolean
}

/**
 * Deletes an app with its data, and waits for the end. Asks for the app's name, unless `--yes` was given; then the
 * environment must be given, too.
 * @throws UsageFault when the environment is missing or unknown
 */
export async function deleteApp({ deps, out }: Console, app: string, flags: DeleteFlags): Promise<ExitCode> {
  requireConsent(deps, flags.yes, 'delete')
  if (flags.yes && flags.environment === undefined)
    throw new UsageFault('--yes deletes only from the environment that --environment names')
  const client = await deps.client()
  const place = await resolveApp(client, app, flags.environment)
  if (!flags.yes)
    await confirm(deps.prompt, {
      text: `This deletes ${app} from ${place.environment}, with all data of its Durable Objects. Its name again: `,
      expected: app,
      subject: 'whether to delete',
      declined: 'Nothing was deleted.',
    })
  const confirmation = { confirm: app }
  const path = appPath(place)
  const started = await client.call(deletionAnswer, { method: 'DELETE', path, json: confirmation })
  for (const line of started.willDelete) out.say(`Deleting ${plain(line)}`)
  const state = await waitForJob(client, started.jobId)
  out.answer(
    [state === 'completed' ? `${app} (${place.environment}): deleted` : `The deletion is ${state}`],
    {
      ...started,
      state,
    },
  )
  return state === 'completed' ? exitCodes.done : exitCodes.failed
}

const unfinishedStates = new Set(['queued', 'running', 'retrying'])

/** Polls a job until it has ended. @returns its final state */
async function waitForJob(client: ApiClient, id: string): Promise<string> {
  for (;;) {
    const { state } = await client.call(jobAnswer, { path: `/jobs/${id}`, patienceMs: 60_000 })
    if (!unfinishedStates.has(state)) return state
    await new Promise((resolve) => setTimeout(resolve, 500))
  }
}

const actionPath = (id: string, action: string) => `/deploy/${encodeURIComponent(id)}/${action}`
