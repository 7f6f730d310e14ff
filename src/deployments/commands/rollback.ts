import { randomUUID } from 'node:crypto'
import type { ApiClient } from '../../cli/api/client.ts'
import {
  type CommandDeps,
  type ExitCode,
  exitCodes,
  type Output,
  plain,
  UsageFault,
} from '../../cli/index.ts'
import { findVersions, type Place, pathOf, placeOf } from './apps.ts'
import { followToEnd } from './output/follow.ts'
import { rollbackAnswer, statusAnswer, type VersionsAnswer } from './wire.ts'

interface Console {
  deps: CommandDeps
  out: Output
}

/** The options of `capstan rollback` and `capstan deploy rollback`. */
export interface RollbackFlags {
  environment?: string
  to?: string
  reason?: string
  yes?: boolean
}

/** `capstan rollback APP`: to the last good version, or to the one that `--to` names. */
export async function rollBackApp(about: Console, app: string, flags: RollbackFlags): Promise<ExitCode> {
  requireAnswer(about.deps, flags)
  const client = await about.deps.client()
  return rollBack(about, client, { place: await placeOf(client, app, flags.environment), flags })
}

/**
 * `capstan deploy rollback ID`: undoes the newest deployment of its app; an earlier one that was good is where to go
 * back to.
 */
export async function rollBackDeployment(
  about: Console,
  id: string,
  flags: RollbackFlags,
): Promise<ExitCode> {
  requireAnswer(about.deps, flags)
  const client = await about.deps.client()
  const { metadata } = await client.call(statusAnswer, { path: `/deploy/${encodeURIComponent(id)}/status` })
  const place = { app: metadata.appName, environment: metadata.environment }
  const { rollback } = await findVersions(client, place)
  const isNewest = rollback === null || rollback.deploymentId === id
  if (!isNewest && flags.to !== undefined) {
    throw new UsageFault(
      `${plain(id)} is not the newest deployment of ${place.app}: leave it out, as in capstan rollback ${place.app} --environment ${place.environment} --to ${plain(flags.to)}`,
    )
  }
  return rollBack(about, client, { place, flags: isNewest ? flags : { ...flags, to: id } })
}

function requireAnswer({ prompt }: CommandDeps, { yes }: RollbackFlags): void {
  if (yes || prompt.interactive) return
  throw new UsageFault("There's no terminal to ask on whether to roll back: say so with --yes")
}

/** Names the version, asks, rolls back, and follows the rollback's own part of the log. */
async function rollBack(
  { deps, out }: Console,
  client: ApiClient,
  { place, flags }: { place: Place; flags: RollbackFlags },
): Promise<ExitCode> {
  const { app, environment } = place
  const answer = await findVersions(client, place)
  const { rollback } = answer
  if (rollback === null) throw new UsageFault(`${app} was never deployed to ${environment}`)
  if (flags.to === undefined && !rollback.available) {
    const lines = [rollback.reason, rollback.suggestedAction].flatMap((line) =>
      line === null ? [] : plain(line),
    )
    out.answer(lines, { ...place, ...rollback })
    return rollback.serves ? exitCodes.done : exitCodes.refused
  }
  const goal = goalOf(answer, flags.to)
  out.say(`Rolling back ${app} (${environment}) ${goal.name}`)
  if (!flags.yes && !(await agreed(deps, `Roll back ${app} in ${environment}? [y/N] `))) {
    out.say('Nothing was rolled back.')
    return exitCodes.failed
  }
  const json = { targetVersion: flags.to ?? goal.version, reason: flags.reason }
  const headers = { 'Idempotency-Key': randomUUID() }
  const path = `${pathOf(place)}/rollback`
  const started = await client.call(rollbackAnswer, { method: 'POST', path, json, headers })
  out.say(`Started, takes about ${Math.round(started.estimatedTime)} s`)
  for (const line of started.willNotUndo) out.say(`  ${plain(line)}`)
  const { deploymentId, logsAfter: after } = started
  return followToEnd(client, deploymentId, { out, good: ['rolled_back', 'cancelled'], after })
}

/** The version to go to, in words that an operator can check it by. */
function goalOf({ versions, rollback }: VersionsAnswer, to: string | undefined) {
  const found =
    to === undefined
      ? versions.find(({ id }) => id === rollback?.targetVersion)
      : versions.find(({ id, deploymentId }) => id === to || deploymentId === to)
  if (found !== undefined) {
    const { id, deploymentId, createdAt } = found
    const name = `to version ${plain(id)} of the deployment ${plain(deploymentId)}, made at ${plain(createdAt)}`
    // What is named is what happens, whatever is deployed while the question is open.
    return { name, version: to === undefined ? id : undefined }
  }
  if (to !== undefined) return { name: `to ${plain(to)}`, version: undefined }
  const version = rollback?.targetVersion ?? undefined
  return { name: version === undefined ? 'to what was before' : `to version ${plain(version)}`, version }
}

async function agreed({ prompt }: CommandDeps, question: string): Promise<boolean> {
  return /^y(es)?$/i.test((await prompt.ask(question)).trim())
}
