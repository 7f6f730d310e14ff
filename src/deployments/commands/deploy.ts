import type { ApiClient } from '../../cli/api/client.ts'
import { confirm, type ExitCode, plain, UsageFault } from '../../cli/index.ts'
import { type Console, postOnce, requireConsent } from './console.ts'
import type { DeployFlags } from './flags.ts'
import { followToEnd } from './output/follow.ts'
import { planLines } from './output/plan-text.ts'
import { readProjectFile } from './project/project-file.ts'
import { type PrepareRequest, prepareRequest } from './project/request.ts'
import { findAppPath, projectFileOf, readSource } from './project/source.ts'
import { deployAnswer, type PreparedAnswer, preparedAnswer } from './wire.ts'

/** Time to wait for the API to return: it has answered before, so it may be restarting. */
const patienceMs = 60_000

/**
 * `capstan deploy`: prepares the plan, shows it, asks for confirmation, starts the deployment and follows it.
 * @throws UsageFault, ApiError, Unreachable
 */
export async function deployPath(
  { deps, out }: Console,
  path: string | undefined,
  flags: DeployFlags,
): Promise<ExitCode> {
  requireConsent(deps, flags.yes, 'deploy')
  const request = await requestOf({ deps, out }, path, flags)
  const client = await deps.client()
  const prepared = await client.call(preparedAnswer, postOnce('/deploy/prepare', request))
  for (const line of planLines(prepared, request)) out.say(line)
  if (!flags.yes)
    await confirm(deps.prompt, {
      text: `Deploy ${request.config.appName} to ${request.environment}? [y/N] `,
      subject: 'whether to deploy',
      declined: 'Nothing was deployed.',
    })
  await start(client, { prepared, request, flags })
  const { deploymentId, plan } = prepared
  out.say(`Deployment started; to follow it again: capstan deploy watch ${plain(deploymentId)}`)
  return followToEnd(client, deploymentId, { out, extra: { plan } })
}

async function requestOf(
  { deps, out }: Console,
  path: string | undefined,
  flags: DeployFlags,
): Promise<PrepareRequest> {
  if (path === undefined) return prepareRequest(await imageOnly(flags), deps)
  const place = await findAppPath(path)
  const file = await projectFileOf(place)
  const source = await readSource(place, file.main)
  if (source.skipped.length > 0) {
    const shown = source.skipped.slice(0, 10).map(plain).join(', ')
    const rest = source.skipped.length > 10 ? ` and ${source.skipped.length - 10} more` : ''
    out.warn(`note: left out, as no module of a Worker: ${shown}${rest}`)
  }
  return prepareRequest({ flags, file, source }, deps)
}

/** An app that consists of an image only, so no folder is read. */
async function imageOnly(flags: DeployFlags) {
  if (flags.image === undefined) throw new UsageFault("Say what to deploy: the app's folder, or --image")
  const [name = ''] = /[^/:@]+(?=(?:[:@][^/]*)?$)/.exec(flags.image) ?? []
  return { flags, file: await readProjectFile(undefined), source: { name, modules: [], skipped: [] } }
}

async function start(
  client: ApiClient,
  { prepared, request, flags }: { prepared: PreparedAnswer; request: PrepareRequest; flags: DeployFlags },
): Promise<void> {
  const { deploymentId } = prepared
  const options = {
    rollbackOnFailure: flags.rollback,
    ...(flags.dryRun ? { dryRun: true } : {}),
    ...(flags.force ? { force: true } : {}),
    ...(flags.maxRetries === undefined ? {} : { maxRetries: flags.maxRetries }),
  }
  const body = { deploymentId, environment: request.environment, options }
  await client.call(deployAnswer, { ...postOnce('/deploy', body), patienceMs })
}
