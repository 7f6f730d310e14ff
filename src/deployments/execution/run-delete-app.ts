import type { Knex } from 'knex'
import type { Outcome, Run } from '../../platform/jobs/index.ts'
import { toCodedError } from '../cloudflare/errors.ts'
import type { Environment } from '../config.ts'
import { madeHostnames, withdrawHostnames } from '../hostnames/index.ts'
import type { ExecutionServices } from '../jobs/enqueue.ts'
import type { StepLog } from '../log.ts'
import { scriptName } from '../model/plan.ts'
import { giveUpWrites, listHistory, markRemoved, releaseHold, unlinkBlobs } from '../store/index.ts'
import type { Target } from '../targets/targets.ts'
import { waitForOutstandingWrites } from '../targets/write-record.ts'

export interface DeleteApp {
  app: string
  environment: Environment
  /** Id of the hold on the target, which prevents deployments during the deletion. */
  deletionId: string
}

const silent: StepLog = { info: () => undefined, warn: () => undefined, flush: async () => undefined }

/** Deletes the script with its containers and host names. Succeeds if the script does not exist. */
export async function runDeleteApp(
  services: ExecutionServices,
  payload: DeleteApp,
  run: Run,
): Promise<Outcome> {
  const { app, environment, deletionId } = payload
  const script = scriptName(app, environment)
  try {
    const owner = { app, environment, owner: deletionId }
    const target = (await services.targets.of(environment)).forRun({ run, ...owner })
    const { cloud, containers, zones, settleMs } = target
    await run.write((trx) => giveUpWrites(trx, deletionId, settleMs))
    if ((await cloud.scripts(run.signal)).some((each) => each.id === script)) {
      if (await hasContainer(services, payload))
        await removeContainers({ cloud, containers, script }, run.signal)
      // Host names come first: once the script is deleted, nothing shows that they belonged to the app.
      const made = await madeHostnames(services.db, app, environment)
      await withdrawHostnames({ ...made, zones, signal: run.signal, script, before: [], log: silent })
      await cloud.deleteScript(script, run.signal)
    }
    await waitForOutstandingWrites(services.db, owner, run.signal)
  } catch (error) {
    throw toCodedError(error, { verified: true })
  }
  return {
    kind: 'done',
    async commit(trx) {
      await markRemoved(trx, app, environment)
      await unlinkBlobs(trx, app, environment)
      await releaseHold(trx, deletionId)
    },
  }
}

/** Reads Capstan's own records: most apps have no container, and some tokens may not list applications. */
async function hasContainer({ db }: ExecutionServices, { app, environment }: DeleteApp): Promise<boolean> {
  return (await listHistory(db, app, environment)).some(({ image }) => image !== null)
}

/** Removes the container applications of the script's classes, which the deletion of the script would leave behind. */
async function removeContainers(
  { cloud, containers, script }: Pick<Target, 'cloud' | 'containers'> & { script: string },
  signal: AbortSignal,
): Promise<void> {
  const namespaces = await cloud.namespaces(signal)
  const own = new Set(namespaces.filter((each) => each.script === script).map(({ id }) => id))
  for (const { id, namespaceId } of await containers.applications(signal)) {
    if (namespaceId !== undefined && own.has(namespaceId)) await containers.remove(id, signal)
  }
}

/**
 * Runs when the deletion has failed or was cancelled for good: releases the hold, and leaves the rest of the app as it
 * is. Recorded writes still block new deployments until they can no longer arrive.
 */
export async function releaseDeletion(
  _services: ExecutionServices,
  trx: Knex.Transaction,
  { payload }: { payload: DeleteApp },
): Promise<void> {
  await releaseHold(trx, payload.deletionId)
}
