import { dependencyFailed, unavailable } from '../../platform/errors.ts'
import type { Outcome, Run } from '../../platform/jobs/index.ts'
import { withQueryLimit } from '../../platform/postgres/index.ts'
import { bulkQueryMs, type TrackerContext } from '../context.ts'
import { type Cluster, ClusterFault } from '../kubernetes/cluster.ts'
import { collectedNamespaces } from '../store/scopes.ts'
import { readContainers } from './containers.ts'
import { type NamespaceReading, type ReadingResult, recordReading } from './reading.ts'

/** What a collection says of itself while it runs, and as its result. */
interface Progress {
  namespaces: { done: number; total: number }
  containers: number
  /** Namespaces that could not be read: nothing in them was changed. */
  failed: { namespace: string; reason: string }[]
  /** Lists that could not be read and without which the reading is less exact. */
  withheld: string[]
  result?: ReadingResult
}

/** Namespaces read at a time: an API server has other callers, too. */
const atOnce = 4

/** Reads the cluster and makes it true. What can't be read stays as it was; the result says which. */
export async function collect(context: TrackerContext, run: Run): Promise<Outcome> {
  if (context.openCluster === undefined) return { kind: 'failed', error: noCluster() }
  const cluster = context.openCluster()
  try {
    return await collectFrom(cluster, context, run)
  } catch (error) {
    if (!(error instanceof ClusterFault)) throw error
    run.log.warn({ reason: error.message, err: error.cause }, 'the cluster could not be read')
    return { kind: 'retry', error: unreadable(error.message) }
  } finally {
    await cluster.close()
  }
}

async function collectFrom(cluster: Cluster, context: TrackerContext, run: Run): Promise<Outcome> {
  const { names, vanished } = await namespacesOf(cluster, context, run.signal)
  const progress: Progress = {
    namespaces: { done: 0, total: names.length },
    containers: 0,
    failed: [],
    withheld: [],
  }
  await run.progress(progress)
  const readings: NamespaceReading[] = []
  const waiting = [...names]
  const next = async (): Promise<void> => {
    for (let namespace = waiting.shift(); namespace !== undefined; namespace = waiting.shift()) {
      const reading = await read(cluster, namespace, { progress, context, run })
      if (reading !== undefined) readings.push(reading)
      progress.namespaces.done++
      void run.progress(structuredClone(progress))
    }
  }
  await Promise.all(Array.from({ length: atOnce }, next))
  progress.withheld = cluster.withheld()
  if (progress.withheld.length > 0)
    run.log.info({ reasons: progress.withheld }, 'The reading is less exact: some lists are not readable')
  if (readings.length === 0 && progress.failed.length > 0) {
    const [first] = progress.failed
    throw new ClusterFault(`no namespace could be read; ${first?.namespace}: ${first?.reason}`)
  }
  const all = [
    ...readings,
    ...vanished.map((namespace) => ({ namespace, at: context.now(), containers: [] })),
  ]
  progress.result = await run.write((trx) =>
    withQueryLimit(bulkQueryMs, () => recordReading(trx, context, all)),
  )
  await run.progress(progress)
  return { kind: 'done' }
}

/** Those of the configuration; or all, and then those that were there once are known to be empty now. */
async function namespacesOf(cluster: Cluster, { db, config }: TrackerContext, signal: AbortSignal) {
  if (config.namespaces !== 'all') return { names: config.namespaces, vanished: [] }
  const names = await cluster.namespaces(signal)
  const known = await collectedNamespaces(db, config)
  return { names, vanished: known.filter((each) => !names.includes(each)) }
}

async function read(
  cluster: Cluster,
  namespace: string,
  about: { progress: Progress; context: TrackerContext; run: Run },
): Promise<NamespaceReading | undefined> {
  const { progress, context, run } = about
  const at = context.now()
  try {
    const containers = readContainers(await cluster.read(namespace, run.signal))
    progress.containers += containers.length
    return { namespace, at, containers }
  } catch (error) {
    if (!(error instanceof ClusterFault)) throw error
    run.log.warn({ name: namespace, reason: error.message }, 'a namespace could not be read')
    progress.failed.push({ namespace, reason: error.message })
    return undefined
  }
}

const unreadable = (reason: string) => dependencyFailed(`The cluster could not be read: ${reason}`)

export const noCluster = () =>
  unavailable('There is no cluster to collect: this process is in none, and KUBECONFIG is not set', {
    retryable: false,
    suggestedAction: 'Run it in a cluster or set KUBECONFIG; releases can be recorded by PUT without one',
  })
