import { type ApiClient, ApiError } from '../../../cli/api/client.ts'
import { confirm, createProgress, type ExitCode, exitCodes, plain } from '../../../cli/index.ts'
import { type Console, postOnce, requireConsent } from '../console.ts'
import { followToEnd } from '../output/follow.ts'
import { planLines } from '../output/plan-text.ts'
import type { PrepareRequest } from '../project/request.ts'
import { deployAnswer, type PreparedAnswer, preparedAnswer } from '../wire.ts'
import { type Canceller, createCanceller } from './cancel-on-signal.ts'
import type { DeployFlags } from './flags.ts'
import { markdownLines, planFormatOf, printPlan } from './plan-option.ts'
import { readApp } from './read-app.ts'
import { openSummary, outcomeMarkdown, type Summary } from './summary.ts'

/** Time to wait for the API to return: it has answered before, so it may be restarting. */
const patienceMs = 60_000
/** An app that changes more often than this is not deployed with `--replan` either. */
const maxPlans = 5

/**
 * `capstan deploy`: prepares the plan, shows it, asks for confirmation, starts the deployment and follows it.
 * @throws UsageFault, ApiError, Unreachable
 */
export async function deployPath(
  { deps, out }: Console,
  path: string | undefined,
  flags: DeployFlags,
): Promise<ExitCode> {
  const format = planFormatOf(flags)
  if (format === undefined) requireConsent(deps, flags.yes, 'deploy')
  const summary = flags.summary === undefined ? undefined : openSummary(flags.summary)
  const { request, blobs, notes } = await readApp({ deps, out }, path, flags)
  for (const note of notes) out.warn(plainNote(note))
  const client = await deps.client()
  if (blobs.length > 0) {
    const { sendBlobs } = await import('../wrangler/send-blobs.ts')
    await sendBlobs(client, blobs, () => createProgress(deps.stderr, (line) => out.warn(line)))
  }
  const prepared = await prepare(client, request)
  if (format !== undefined) {
    printPlan(out, format, { prepared, request })
    summary?.add(markdownLines(prepared, request))
    return exitCodes.done
  }
  const canceller = flags.cancelOnSignal ? createCanceller(client, out) : undefined
  try {
    const started = await agreeAndStart({ deps, out }, client, {
      ...{ prepared, request, flags, canceller, summary },
    })
    const { deploymentId, plan } = started
    out.say(`Deployment started; to follow it again: capstan deploy watch ${plain(deploymentId)}`)
    return await followToEnd(client, deploymentId, {
      out,
      extra: { plan },
      onOutcome: (lines) => summary?.add(outcomeMarkdown(lines)),
    })
  } finally {
    canceller?.close()
  }
}

/** A note may have several lines, as wrangler's warnings do. */
const plainNote = (note: string) => `note: ${note.split('\n').map(plain).join('\n  ')}`

const prepare = (client: ApiClient, request: PrepareRequest): Promise<PreparedAnswer> =>
  client.call(preparedAnswer, postOnce('/deploy/prepare', request))

interface Planned {
  prepared: PreparedAnswer
  request: PrepareRequest
  flags: DeployFlags
  canceller?: Canceller | undefined
  summary?: Summary | undefined
}

/** Shows the plan, asks and starts; with `--replan`, again for an app that has changed meanwhile. @returns the started plan */
async function agreeAndStart(
  { deps, out }: Console,
  client: ApiClient,
  { prepared: first, request, flags, canceller, summary }: Planned,
): Promise<PreparedAnswer> {
  let prepared = first
  for (let count = 1; ; count += 1) {
    for (const line of planLines(prepared, request)) out.say(line)
    summary?.add(markdownLines(prepared, request))
    if (!flags.yes)
      await confirm(deps.prompt, {
        text: `Deploy ${request.config.appName} to ${request.environment}? [y/N] `,
        subject: 'whether to deploy',
        declined: 'Nothing was deployed.',
      })
    try {
      const started = start(client, { prepared, request, flags })
      canceller?.watch(prepared.deploymentId, started)
      await started
      return prepared
    } catch (error) {
      if (!flags.replan || count === maxPlans || !isStale(error)) throw error
      out.warn(`note: ${plain(error.message)}. This is the new plan:`)
      prepared = await prepare(client, request)
    }
  }
}

/** True for the refusal of a plan whose app has changed: it names the changes. */
const isStale = (error: unknown): error is ApiError =>
  error instanceof ApiError && error.status === 409 && Array.isArray(error.envelope.error.details.changes)

async function start(client: ApiClient, { prepared, request, flags }: Planned): Promise<void> {
  const { deploymentId } = prepared
  const options = {
    rollbackOnFailure: flags.rollback,
    ...(flags.dryRun ? { dryRun: true } : {}),
    ...(flags.force ? { force: true } : {}),
    ...(flags.maxRetries === undefined ? {} : { maxRetries: flags.maxRetries }),
    ...(flags.traffic === undefined
      ? {}
      : { traffic: { steps: flags.traffic, everySeconds: flags.every ?? 600 } }),
  }
  const body = { deploymentId, environment: request.environment, options }
  await client.call(deployAnswer, { ...postOnce('/deploy', body), patienceMs })
}
