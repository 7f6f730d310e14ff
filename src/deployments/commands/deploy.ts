import { randomUUID } from 'node:crypto'
import type { ApiClient } from '../../cli/api/client.ts'
import {
  type CommandDeps,
  confirm,
  type ExitCode,
  type Output,
  plain,
  requireTerminal,
  UsageFault,
} from '../../cli/index.ts'
import type { DeployFlags } from './flags.ts'
import { followToEnd } from './output/follow.ts'
import { planLines } from './output/plan-text.ts'
import { readProjectFile } from './project/project-file.ts'
import { type PrepareRequest, prepareRequest } from './project/request.ts'
import { findPlace, projectFileOf, readSource } from './project/source.ts'
import { deployAnswer, type PreparedAnswer, preparedAnswer } from './wire.ts'

/** The API has answered before: a restart in the middle is waited out. */
const patienceMs = 60_000

/** Prepares, shows, asks, deploys and follows. @throws UsageFault, ApiError, Unreachable */
export async function deployPath(
  { deps, out }: { deps: CommandDeps; out: Output },
  path: string | undefined,
  flags: DeployFlags,
): Promise<ExitCode> {
  if (!flags.yes) requireTerminal(deps.prompt, 'whether to deploy')
  const request = await requestOf({ deps, out }, path, flags)
  const client = await deps.client()
  const prepared = await client.call(preparedAnswer, creating('/deploy/prepare', request))
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
  { deps, out }: { deps: CommandDeps; out: Output },
  path: string | undefined,
  flags: DeployFlags,
): Promise<PrepareRequest> {
  if (path === undefined) return prepareRequest(await imageOnly(flags), deps)
  const place = await findPlace(path)
  const file = await projectFileOf(place)
  const source = await readSource(place, file.main)
  if (source.skipped.length > 0) {
    const shown = source.skipped.slice(0, 10).map(plain).join(', ')
    const rest = source.skipped.length > 10 ? ` and ${source.skipped.length - 10} more` : ''
    out.warn(`note: left out, as no module of a Worker: ${shown}${rest}`)
  }
  return prepareRequest({ flags, file, source }, deps)
}

/** An image is an app of its own: nothing is read from a folder. */
async function imageOnly(flags: DeployFlags) {
  if (flags.image === undefined) throw new UsageFault("Say what to deploy: the app's folder, or --image")
  const [name = ''] = /[^/:@]+(?=(?:[:@][^/]*)?$)/.exec(flags.image) ?? []
  return { flags, file: await readProjectFile(undefined), source: { name, modules: [], skipped: [] } }
}

async function start(
  client: ApiClient,
  about: { prepared: PreparedAnswer; request: PrepareRequest; flags: DeployFlags },
): Promise<void> {
  const { prepared, request, flags } = about
  const { deploymentId } = prepared
  const options = {
    rollbackOnFailure: flags.rollback,
    ...(flags.dryRun ? { dryRun: true } : {}),
    ...(flags.force ? { force: true } : {}),
    ...(flags.maxRetries === undefined ? {} : { maxRetries: flags.maxRetries }),
  }
  const body = { deploymentId, environment: request.environment, options }
  await client.call(deployAnswer, { ...creating('/deploy', body), patienceMs })
}

/** With its key, a request whose answer was lost can be sent again without making a second thing. */
function creating(path: string, json: unknown) {
  return { method: 'POST', path, json, headers: { 'Idempotency-Key': randomUUID() } } as const
}
