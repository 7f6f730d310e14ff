import { type ApiClient, ApiError } from '../../cli/api/client.ts'
import {
  type ExitCode,
  exitCodeOfRefusal,
  exitCodes,
  inCommandTerms,
  type Output,
  plain,
  table,
  UsageFault,
} from '../../cli/index.ts'
import { appName, environment } from '../model/schema.ts'
import { appsAnswer, type VersionsAnswer, versionsAnswer } from './wire.ts'

/** An app in one environment. */
export interface AppTarget {
  app: string
  environment: string
}

/**
 * Finds the environment of an app, which may be omitted if the app is deployed to only one.
 * @throws UsageFault with the option to add or the names to choose from
 */
export async function resolveApp(
  client: ApiClient,
  app: string,
  wanted: string | undefined,
): Promise<AppTarget> {
  const name = appName.safeParse(app)
  if (!name.success)
    throw new UsageFault(`"${plain(app)}" is not an app's name: ${name.error.issues[0]?.message}`)
  if (wanted !== undefined) {
    const parsed = environment.safeParse(wanted)
    if (!parsed.success) throw new UsageFault(`--environment has to be ${environment.options.join(' or ')}`)
    return { app, environment: parsed.data }
  }
  const { apps } = await client.call(appsAnswer, { path: '/deploy/apps' })
  const environments = apps.filter((each) => each.appName === app).map((each) => each.environment)
  const [only, other] = environments
  if (only === undefined) throw new UsageFault(`No app ${app} is deployed; capstan deploy list shows what is`)
  if (other !== undefined)
    throw new UsageFault(
      `${app} is deployed to ${environments.join(' and ')}: say which one with --environment`,
    )
  return { app, environment: only }
}

/** The path of an app's routes. */
export const appPath = ({ app, environment: where }: AppTarget) =>
  `/deploy/apps/${encodeURIComponent(app)}/${encodeURIComponent(where)}`

/** @throws UsageFault for an app that was never deployed to the environment */
export async function fetchVersions(client: ApiClient, place: AppTarget): Promise<VersionsAnswer> {
  try {
    return await client.call(versionsAnswer, { path: `${appPath(place)}/versions` })
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 404) throw error
    throw new UsageFault(
      `No app ${place.app} is deployed to ${place.environment}; capstan deploy list shows what is`,
    )
  }
}

/**
 * Prints the versions of an app, newest first, and the command that restores one.
 * @throws UsageFault for an app that was never deployed to the environment
 * @returns `unreachable` or `failed` if the cloud could not be read, so that the serving version is unknown
 */
export async function listVersions(
  client: ApiClient,
  { app, flags, out }: { app: string; flags: { environment?: string }; out: Output },
): Promise<ExitCode> {
  const place = await resolveApp(client, app, flags.environment)
  const answer = await fetchVersions(client, place)
  const { servingUnknown, versions, rollback } = answer
  const rows = versions.map((version) => [
    stateOf(version, servingUnknown !== null),
    version.deploymentId ?? 'made outside Capstan',
    version.id,
    version.createdAt,
  ])
  out.answer(
    [...table(['state', 'deployment', 'version', 'created'], rows), ...wayBack(place, rollback)],
    answer,
  )
  if (servingUnknown === null) return exitCodes.done
  out.warn(`warning: ${plain(servingUnknown)}`)
  out.warn("warning: what serves is shown from Capstan's record, which a change made outside is not in")
  return exitCodeOfRefusal(rollback.code, exitCodes.failed)
}

/** The command that rolls the app back, or the reason why none does. */
function wayBack({ app, environment: where }: AppTarget, rollback: VersionsAnswer['rollback']): string[] {
  const { available, targetDeployment, targetVersion, suggestedAction, reason } = rollback
  if (!available) {
    const line = suggestedAction ?? reason
    return line === null ? [] : [inCommandTerms(plain(line))]
  }
  const target = targetDeployment ?? targetVersion
  const to = target === null ? '' : ` --to ${plain(target)}`
  return [`To go back: capstan rollback ${app} --environment ${where}${to}`]
}

function stateOf(
  { state, percentage, available }: VersionsAnswer['versions'][number],
  isRecord: boolean,
): string {
  const share = percentage === null || percentage === 100 ? '' : ` ${percentage} %`
  const recorded = isRecord && state === 'serving' ? ' (by the record)' : ''
  const gone = available === false ? ', no longer available' : ''
  return `${state.replaceAll('_', ' ')}${share}${recorded}${gone}`
}
