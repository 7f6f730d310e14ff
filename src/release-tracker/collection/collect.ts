import { dependencyFailed, unavailable } from '../../platform/errors.ts'
import type { Outcome, Run } from '../../platform/jobs/index.ts'
import { withQueryLimit } from '../../platform/postgres/index.ts'
import { bulkQueryMs, type TrackerContext } from '../context.ts'
import { type Cluster, ClusterFault } from '../kubernetes/cluster.ts'
import { collectedNamespaces } from '../store/scopes.ts'
import { readContainers } from './containers.ts'
import { type NamespaceReading, type ReadingResult, recordReading } from './reading.ts'

/** The progress of a collection, and finally its result. */
interface Progress {
  namespaces: { done: number; total: number }
  containers: number
  /** Namespaces that could not be read. Their records are unchanged. */
  failed: { namespace: string; reason: string }[]
  /** Optional lists that could not be read. Without them the reading is less exact. */
  withheld: string[]
  result?: ReadingResult
}

/** Namespaces that are read concurrently. The API server has other clients, too. */
const maxConcurrentReads = 4

/** Reads the cluster and records it. Namespaces that can't be read stay unchanged and are listed in the result. */
export async function collect(context: TrackerContext, run: Run): Promise<Outcome> {
  if (context.openCluster === undefined) return { kind: 'failed', error: noCluster() }
  const cluster = context.openCluster()
  try {
    return await collectFrom(cluster, context, run)
  } catch (error) {
    if (!(error instanceof ClusterFault)) throw error
    run.log.warn({ reason: error.message, err: error.cause }, 'Could not read the cluster')
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
  await Promise.all(Array.from({ length: maxConcurrentReads }, next))
  progress.withheld = cluster.withheld()
  if (progress.withheld.length > 0)
    run.log.info(
      { reasons: progress.withheld },
      'Some optional lists are not readable: the reading is less exact',
    )
  if (readings.length === 0 && progress.failed.length > 0) {
    const [first] = progress.failed
    throw new ClusterFault(`No namespace could be read. ${first?.namespace}: ${first?.reason}`)
  }
  const all = [
    ...readings,
    ...vanished.map((namespace) => ({ namespace, at: context.now(), containers: [] })),
  ]
  progress.result = await withQueryLimit(bulkQueryMs, () =>
    run.write((trx) => recordReading(trx, context, all)),
  )
  await run.progress(progress)
  return { kind: 'done' }
}

/** The configured namespaces, or all. For all, recorded namespaces that no longer exist are known to be empty. */
async function namespacesOf(cluster: Cluster, { db, config }: TrackerContext, signal: AbortSignal) {
  if (config.namespaces !== 'all') return { names: config.namespaces, vanished: [] }
  const names = await cluster.namespaces(signal)
  const known = await collectedNamespaces(db, config)
  return { names, vanished: known.filter((each) => !names.includes(each)) }
}

async function read(
  cluster: Cluster,
  namespace: string,
  { progress, context, run }: { progress: Progress; context: TrackerContext; run: Run },
): Promise<NamespaceReading | undefined> {
  const at = context.now()
  try {
    const containers = readContainers(await cluster.read(namespace, run.signal))
    progress.containers += containers.length
    return { namespace, at, containers }
  } catch (error) {
    if (!(error instanceof ClusterFault)) throw error
    run.log.warn({ name: namespace, reason: error.message }, 'Could not read a namespace')
    progress.failed.push({ namespace, reason: error.message })
    return undefined
  }
}

const unreadable = (reason: string) => dependencyFailed(`The cluster could not be read: ${reason}`)

export const noCluster = () =>
  unavailable('No cluster to collect: the process does not run in a cluster, and KUBECONFIG is not set', {
    retryable: false,
    suggestedAction:
      'Run Capstan in a cluster or set KUBECONFIG. Releases can be recorded by PUT without a cluster',
  })
