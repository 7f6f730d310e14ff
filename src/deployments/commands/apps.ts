import type { ApiClient } from '../../cli/api/client.ts'
import { type ExitCode, exitCodes, type Output, plain, table, UsageFault } from '../../cli/index.ts'
import { appName, environment } from '../model/schema.ts'
import { appsAnswer, type VersionsAnswer, versionsAnswer } from './wire.ts'

/** An app where it runs. */
export interface Place {
  app: string
  environment: string
}

/**
 * The app that is meant: its environment may be left out where it is deployed to one only.
 * @throws UsageFault naming what to write.
 */
export async function placeOf(client: ApiClient, app: string, wanted: string | undefined): Promise<Place> {
  const name = appName.safeParse(app)
  if (!name.success)
    throw new UsageFault(`"${plain(app)}" is not an app's name: ${name.error.issues[0]?.message}`)
  if (wanted !== undefined) {
    const parsed = environment.safeParse(wanted)
    if (!parsed.success) throw new UsageFault(`--environment has to be ${environment.options.join(' or ')}`)
    return { app, environment: parsed.data }
  }
  const { apps } = await client.call(appsAnswer, { path: '/deploy/apps' })
  const places = apps.filter((each) => each.appName === app).map((each) => each.environment)
  const [only, other] = places
  if (only === undefined) throw new UsageFault(`No app ${app} is deployed; capstan deploy list shows what is`)
  if (other !== undefined)
    throw new UsageFault(`${app} is deployed to ${places.join(' and ')}: say which one with --environment`)
  return { app, environment: only }
}

export const pathOf = ({ app, environment: where }: Place) =>
  `/deploy/apps/${encodeURIComponent(app)}/${encodeURIComponent(where)}`

export const findVersions = (client: ApiClient, place: Place): Promise<VersionsAnswer> =>
  client.call(versionsAnswer, { path: `${pathOf(place)}/versions` })

/**
 * Shows the versions of an app, newest first, with the command that goes back.
 * @returns `failed` when the cloud could not be asked which of them serve
 */
export async function listVersions(
  client: ApiClient,
  { app, flags, out }: { app: string; flags: { environment?: string }; out: Output },
): Promise<ExitCode> {
  const place = await placeOf(client, app, flags.environment)
  const answer = await findVersions(client, place)
  const { servingUnknown, versions, rollback } = answer
  const rows = versions.map((version) => [
    stateOf(version, servingUnknown !== null),
    version.deploymentId ?? 'made outside Capstan',
    version.id,
    version.createdAt,
  ])
  const isBehind = rollback?.available || versions.some(({ state }) => state === 'previous')
  const goBack = isBehind
    ? [`To go back: capstan rollback ${app} --environment ${place.environment} [--to DEPLOYMENT|VERSION]`]
    : []
  out.answer([...table(['state', 'deployment', 'version', 'created'], rows), ...goBack], answer)
  if (servingUnknown === null) return exitCodes.done
  out.warn(`warning: ${plain(servingUnknown)}`)
  out.warn("warning: what serves is shown from Capstan's record, which a change made outside is not in")
  return exitCodes.failed
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
