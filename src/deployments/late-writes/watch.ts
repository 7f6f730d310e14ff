import type { Knex } from 'knex'
import { databaseTime } from '../../platform/clock.ts'
import { appendEvents } from '../../platform/events/index.ts'
import type { Outcome, Run } from '../../platform/jobs/index.ts'
import { toCodedError } from '../cloudflare/errors.ts'
import { allTo, type WorkerVersion } from '../cloudflare/workers-api.ts'
import { firstLateCheckMs } from '../jobs/end-deployment.ts'
import type { ExecutionServices } from '../jobs/enqueue.ts'
import { endEvent, hasLine, logEvent } from '../log.ts'
import { servedBy } from '../model/history.ts'
import { scriptName } from '../model/plan.ts'
import {
  type Deployment,
  findDeployment,
  findLive,
  listHistory,
  lockTarget,
  releaseHold,
  takeHold,
} from '../store/index.ts'
import type { Target } from '../targets/targets.ts'
import { writeOwner } from '../targets/write-record.ts'
import { findLateArrival, repairMessage } from './detect.ts'

const seconds = 1000
const maxPauseMs = 300 * seconds
/** The longest delay of a call: all calls have time limits, and connections break. */
const watchMs = 900 * seconds

/** Checks once whether a call has arrived since the deployment ended, and reverts its effect. */
export async function runLateArrivals(
  services: ExecutionServices,
  { deploymentId }: { deploymentId: string },
  run: Run,
): Promise<Outcome> {
  const { db } = services
  const deployment = await findDeployment(db, deploymentId)
  if (deployment === undefined || deployment.finishedAt === null) return { kind: 'done' }
  const { app, environment, finishedAt } = deployment
  const busy: Outcome = { kind: 'snooze', ms: firstLateCheckMs }
  // A running deployment checks its own target.
  if ((await findLive(db, app, environment)) !== undefined) return busy
  try {
    const target = (await services.targets.of(environment)).forRun({ run, ...writeOwner(deployment) })
    const input = { deployment, target, signal: run.signal }
    if ((await inspectTarget(db, input)).lines.length > 0) {
      if (!(await run.write((trx) => acquireHold(trx, deployment)))) return busy
      // The second inspection runs under the hold, which keeps all other jobs from changing the target.
      const { lines, repair } = await inspectTarget(db, input)
      await repair?.()
      await run.write((trx) => reportFindings(trx, deployment, lines))
    }
  } catch (error) {
    throw toCodedError(error, { verified: true })
  }
  const age = (await databaseTime(db)).getTime() - finishedAt.getTime()
  if (age > watchMs) return { kind: 'done' }
  return { kind: 'snooze', ms: Math.min(Math.max(age, firstLateCheckMs), maxPauseMs) }
}

interface LateArrivalReport {
  /** Lines for the deployment's log; empty if nothing has arrived. */
  lines: string[]
  /** Reverts the effect, if the late call has changed what serves. */
  repair?: () => Promise<void>
}

async function inspectTarget(
  db: Knex,
  input: { deployment: Deployment; target: Target; signal: AbortSignal },
): Promise<LateArrivalReport> {
  const { deployment, target, signal } = input
  const { app, environment } = deployment
  const { cloud } = target
  const script = scriptName(app, environment)
  const [serving] = await cloud.deployments(script, signal)
  if (serving === undefined) return { lines: [] }
  const versions = await cloud.versions(script, signal)
  const lines = await newDuplicates(db, deployment, versions)
  const history = await listHistory(db, app, environment)
  // An empty history means that the app was deleted, since this deployment existed.
  const served = history.length === 0 ? 'nothing' : servedBy(history)
  const wanted = typeof served === 'object' ? served.version : undefined
  const recordOf = async (id: string) => {
    const record = await findDeployment(db, id)
    return record?.app === app && record.environment === environment ? record : undefined
  }
  const late = await findLateArrival({ serving, versions, wanted, recordOf })
  if (late !== undefined && wanted !== undefined) {
    const deploy = { traffic: allTo(wanted), message: repairMessage(late.deploymentId) }
    const line = `A late call activated version ${late.versionId}; restored version ${wanted}`
    return { lines: [...lines, line], repair: () => cloud.deploy(script, deploy, signal) }
  }
  const records = await Promise.all(
    versions.map(({ tag }) => (tag === undefined ? undefined : recordOf(tag))),
  )
  if (served === 'nothing' && !records.includes(undefined)) {
    const line = `A late upload created ${script} again; removed it`
    return { lines: [...lines, line], repair: () => cloud.deleteScript(script, signal) }
  }
  return { lines }
}

/** Log lines for further versions with this deployment's mark that its log does not name yet. */
async function newDuplicates(
  db: Knex,
  { id, versionId }: Deployment,
  versions: WorkerVersion[],
): Promise<string[]> {
  const own = versions.filter(({ tag }) => tag === id).sort((a, b) => a.number - b.number)
  const proper = versionId ?? own[0]?.id
  const lines = own
    .filter((each) => each.id !== proper)
    .map((each) => `Version ${each.id} is a late duplicate; it will not serve`)
  const known = await Promise.all(lines.map((line) => hasLine(db, id, line)))
  return lines.filter((_, index) => !known[index])
}

/** @returns false if another job uses the target: then that job checks it. */
async function acquireHold(trx: Knex.Transaction, { id, app, environment }: Deployment): Promise<boolean> {
  await lockTarget(trx, app, environment)
  if ((await findLive(trx, app, environment)) !== undefined) return false
  return takeHold(trx, { app, environment, purpose: 'late-arrivals', holder: id })
}

/** Writes the lines and another end event: the log already had one, and followers stop at it. */
async function reportFindings(trx: Knex.Transaction, deployment: Deployment, lines: string[]): Promise<void> {
  await releaseHold(trx, deployment.id)
  if (lines.length === 0) return
  await appendEvents(trx, [
    ...lines.map((line) => logEvent(deployment.id, 'warn', line)),
    endEvent(deployment, deployment.status),
  ])
}

/** Runs when the watch has finally failed or was cancelled: releases the hold. */
export async function releaseWatch(
  _services: ExecutionServices,
  trx: Knex.Transaction,
  { payload }: { payload: { deploymentId: string } },
): Promise<void> {
  await releaseHold(trx, payload.deploymentId)
}
