import type { Knex } from 'knex'
import { databaseTime } from '../../platform/clock.ts'
import { appendEvents } from '../../platform/events/index.ts'
import type { Outcome, Run } from '../../platform/jobs/index.ts'
import { toCodedError } from '../cloudflare/errors.ts'
import { allTo, type WorkerVersion } from '../cloudflare/workers-api.ts'
import { writerOf } from '../cloudflare/write-record.ts'
import { type EngineOptions, ownership } from '../jobs/enqueue.ts'
import { lateArrivalsJob } from '../jobs/specs.ts'
import { endEvent, hasLine, logEvent } from '../log.ts'
import { servedBy } from '../model/history.ts'
import { scriptName } from '../model/plan.ts'
import { stepKeys } from '../model/states.ts'
import {
  type Deployment,
  findDeployment,
  findLive,
  findSteps,
  hasUnanswered,
  listHistory,
  lockTarget,
  releaseHold,
  takeHold,
} from '../store/index.ts'
import type { Target } from '../targets/targets.ts'
import { findLateArrival, puttingRight } from './detect.ts'

const seconds = 1000
const firstLookMs = 10 * seconds
const longestPauseMs = 300 * seconds
/** No call arrives later than this: all have time limits, and connections break. */
const watchMs = 900 * seconds

const firstChange = stepKeys.indexOf('deploy_worker')

/**
 * A deployment ended. Unless every call that could have changed the cloud was answered, something may still arrive:
 * then it is looked for, again and again for a while.
 * @param certain false when a call of the run that ends here may have been lost.
 */
export async function watchForLate(
  engine: EngineOptions,
  trx: Knex.Transaction,
  { deployment, certain }: { deployment: Deployment; certain: boolean },
): Promise<void> {
  const steps = await findSteps(trx, deployment.id)
  const attempts = steps.slice(firstChange).map((each) => each.attempt)
  if (Math.max(...attempts) === 0) return
  const allAnswered = certain && Math.max(...attempts) === 1 && !(await hasUnanswered(trx, deployment.id))
  if (allAnswered) return
  await engine.enqueue(trx, lateArrivalsJob, {
    payload: { deploymentId: deployment.id },
    delayMs: firstLookMs,
    ...ownership(deployment),
  })
}

/** One look for what has arrived since a deployment ended; what is in force is put right. */
export async function runLateArrivals(
  engine: EngineOptions,
  { deploymentId }: { deploymentId: string },
  run: Run,
): Promise<Outcome> {
  const { db } = engine
  const deployment = await findDeployment(db, deploymentId)
  if (deployment === undefined || deployment.finishedAt === null) return { kind: 'done' }
  const { app, environment, finishedAt } = deployment
  const busy: Outcome = { kind: 'snooze', ms: firstLookMs }
  // A deployment that runs looks after its target itself.
  if ((await findLive(db, app, environment)) !== undefined) return busy
  try {
    const target = (await engine.targets.of(environment)).under({ run, ...writerOf(deployment) })
    const about = { deployment, target, signal: run.signal }
    if ((await look(db, about)).found.length > 0) {
      if (!(await run.write((trx) => hold(trx, deployment)))) return busy
      // Looked at again: only since the hold nothing else of ours can change it.
      const { found, act } = await look(db, about)
      await act?.()
      await run.write((trx) => tell(trx, deployment, found))
    }
  } catch (error) {
    throw toCodedError(error, { verified: true })
  }
  const age = (await databaseTime(db)).getTime() - finishedAt.getTime()
  if (age > watchMs) return { kind: 'done' }
  return { kind: 'snooze', ms: Math.min(Math.max(age, firstLookMs), longestPauseMs) }
}

interface Sight {
  /** In words, for the log. */
  found: string[]
  act?: () => Promise<void>
}

async function look(
  db: Knex,
  about: { deployment: Deployment; target: Target; signal: AbortSignal },
): Promise<Sight> {
  const { deployment, target, signal } = about
  const { app, environment } = deployment
  const { cloud } = target
  const script = scriptName(app, environment)
  const [serving] = await cloud.deployments(script, signal)
  if (serving === undefined) return { found: [] }
  const versions = await cloud.versions(script, signal)
  const found = await newDuplicates(db, deployment, versions)
  const history = await listHistory(db, app, environment)
  // Without a history, although there was this deployment: the app was deleted.
  const served = history.length === 0 ? 'nothing' : servedBy(history)
  const wanted = typeof served === 'object' ? served.version : undefined
  const recordOf = async (id: string) => {
    const record = await findDeployment(db, id)
    return record?.app === app && record.environment === environment ? record : undefined
  }
  const late = await findLateArrival({ serving, versions, wanted, recordOf })
  if (late !== undefined && wanted !== undefined) {
    const deploy = { traffic: allTo(wanted), message: puttingRight(late.deploymentId) }
    const line = `A late call has made version ${late.versionId} serve; version ${wanted} is put back`
    return { found: [...found, line], act: () => cloud.deploy(script, deploy, signal) }
  }
  const records = await Promise.all(
    versions.map(({ tag }) => (tag === undefined ? undefined : recordOf(tag))),
  )
  if (served === 'nothing' && !records.includes(undefined)) {
    const line = `A late upload has made ${script} again; it is removed`
    return { found: [...found, line], act: () => cloud.deleteScript(script, signal) }
  }
  return { found }
}

/** Second versions with this deployment's mark that its log does not tell of yet. */
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

/** @returns false when the target is in use: then its user looks after it. */
async function hold(trx: Knex.Transaction, { id, app, environment }: Deployment): Promise<boolean> {
  await lockTarget(trx, app, environment)
  if ((await findLive(trx, app, environment)) !== undefined) return false
  return takeHold(trx, { app, environment, purpose: 'late-arrivals', holder: id })
}

/** The log goes on after its end, and so it ends again. */
async function tell(trx: Knex.Transaction, deployment: Deployment, lines: string[]): Promise<void> {
  await releaseHold(trx, deployment.id)
  if (lines.length === 0) return
  await appendEvents(trx, [
    ...lines.map((line) => logEvent(deployment.id, 'warn', line)),
    endEvent(deployment, deployment.status),
  ])
}

/** Given up or cancelled: the target is free again. */
export async function settleLateArrivals(
  trx: Knex.Transaction,
  { payload }: { payload: { deploymentId: string } },
): Promise<void> {
  await releaseHold(trx, payload.deploymentId)
}
