import { type ApiClient, ApiError } from '../../cli/api/client.ts'
import {
  confirm,
  type ExitCode,
  exitCodeOfRefusal,
  exitCodes,
  inCommandTerms,
  plain,
  UsageFault,
} from '../../cli/index.ts'
import { type AppTarget, appPath, fetchVersions, resolveApp } from './apps.ts'
import { type Console, postOnce, requireConsent } from './console.ts'
import { followToEnd } from './output/follow.ts'
import { rollbackLines, rollbackTitle } from './output/rollback-text.ts'
import { rollbackAnswer, rollbackPreviewAnswer, statusAnswer } from './wire.ts'

/** The options of `capstan rollback` and `capstan deploy rollback`. */
export interface RollbackFlags {
  environment?: string
  to?: string
  reason?: string
  yes?: boolean
}

/** `capstan rollback APP`: restores the last good version, or the one that `--to` names. */
export async function rollBackApp(context: Console, app: string, flags: RollbackFlags): Promise<ExitCode> {
  requireConsent(context.deps, flags.yes, 'roll back')
  const client = await context.deps.client()
  return rollBack(context, client, { place: await resolveApp(client, app, flags.environment), flags })
}

/**
 * `capstan deploy rollback ID`: undoes the deployment if it is the newest of its app, or restores the version of an
 * earlier good one.
 */
export async function rollBackDeployment(
  context: Console,
  id: string,
  flags: RollbackFlags,
): Promise<ExitCode> {
  requireConsent(context.deps, flags.yes, 'roll back')
  const client = await context.deps.client()
  const { metadata } = await client.call(statusAnswer, { path: `/deploy/${encodeURIComponent(id)}/status` })
  const place = { app: metadata.appName, environment: metadata.environment }
  const { rollback } = await fetchVersions(client, place)
  const isNewest = rollback.deploymentId === id
  if (!isNewest && flags.to !== undefined) {
    throw new UsageFault(
      `${plain(id)} is not the newest deployment of ${place.app}: leave it out, as in capstan rollback ${place.app} --environment ${place.environment} --to ${plain(flags.to)}`,
    )
  }
  return rollBack(context, client, { place, flags: isNewest ? flags : { ...flags, to: id } })
}

/** Rolls back. A version that already serves is a success, so that two operators can give the same command. */
async function rollBack(
  context: Console,
  client: ApiClient,
  asked: { place: AppTarget; flags: RollbackFlags },
): Promise<ExitCode> {
  try {
    return await startAndFollow(context, client, asked)
  } catch (error) {
    if (!(error instanceof ApiError) || error.envelope.error.details.serves !== true) throw error
    const { message: reason, details, suggestedAction = null } = error.envelope.error
    const { targetVersion } = details
    const answer = { available: false, serves: true, targetVersion, reason, suggestedAction }
    context.out.answer([inCommandTerms(plain(reason))], { ...asked.place, ...answer })
    return exitCodes.done
  }
}

/** Shows the effect, asks for confirmation, rolls back, and follows the rollback's part of the log. */
async function startAndFollow(
  { deps, out }: Console,
  client: ApiClient,
  { place, flags }: { place: AppTarget; flags: RollbackFlags },
): Promise<ExitCode> {
  const { app, environment } = place
  const { versions, rollback } = await fetchVersions(client, place)
  if (flags.to === undefined && !rollback.available) {
    const lines = [rollback.reason, rollback.suggestedAction].flatMap((line) =>
      line === null ? [] : inCommandTerms(plain(line)),
    )
    out.answer(lines, { ...place, ...rollback })
    return rollback.serves ? exitCodes.done : exitCodeOfRefusal(rollback.code, exitCodes.refused)
  }
  const path = `${appPath(place)}/rollback`
  const query = { targetVersion: flags.to ?? rollback.targetVersion ?? undefined }
  const preview = await client.call(rollbackPreviewAnswer, { path, query })
  out.say(rollbackTitle(place, preview, versions))
  const shown = rollbackLines(preview)
  for (const line of shown) out.say(`  ${line}`)
  if (!flags.yes)
    await confirm(deps.prompt, {
      text: `Roll back ${app} in ${environment}? [y/N] `,
      subject: 'whether to roll back',
      declined: 'Nothing was rolled back.',
    })
  // The request names the version that was shown, so that a deployment during the question does not change it.
  const json = { targetVersion: flags.to ?? preview.targetVersion ?? undefined, reason: flags.reason }
  const started = await client.call(rollbackAnswer, postOnce(path, json))
  out.say(`Started, takes about ${Math.round(started.estimatedTime)} s`)
  for (const line of rollbackLines(started)) if (!shown.includes(line)) out.say(`  ${line}`)
  const { deploymentId, logsAfter: after, targetVersion, targetDeployment } = started
  // The deployment's own version replaces one made outside Capstan, so the deployment stays completed.
  if (targetDeployment === deploymentId) {
    const completed = `version ${plain(targetVersion ?? '')} serves again`
    return followToEnd(client, deploymentId, { out, completed, after })
  }
  return followToEnd(client, deploymentId, { out, good: ['rolled_back', 'cancelled'], after })
}
