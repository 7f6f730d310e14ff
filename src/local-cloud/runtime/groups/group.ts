import type { Namespace } from '../../store/scripts.ts'
import type { Version, WorkerModule } from '../../store/versions.ts'
import type { RunnableAssets } from '../options/assets.ts'
import type { Node } from './nodes.ts'

export interface Runnable {
  version: Version
  modules: WorkerModule[]
  assets?: RunnableAssets | undefined
}

/** The deployed versions of a script with their shares of the traffic. */
export interface Serving {
  scriptId: number
  /** The script's name. */
  name: string
  /** The script's unique id of 32 hex digits. */
  tag: string
  runnables: Runnable[]
  /** The percentage of each version; the percentages sum to 100. */
  shares: { version_id: string; percentage: number }[]
  namespaces: Namespace[]
}

/** A workflow whose class one of the scripts may have. */
export interface GroupWorkflow {
  id: string
  name: string
  scriptName: string
  className: string
  stepLimit: number | undefined
}

/**
 * Scripts and stores of data that are connected by bindings and run in one process. A script without such bindings is a
 * group of its own, as is a store that no deployed version is bound to.
 */
export interface Group {
  nodes: Node[]
  scripts: Serving[]
  workflows: GroupWorkflow[]
  /** The directory of all stored data. Each file below it is used by one group at a time. */
  storageDir: string
}

/** Computes the groups from the deployed versions of all scripts. */
export interface Groups {
  /** The nodes of the group of a node; empty for a script without a deployment. */
  nodesOf(node: Node): Set<Node>
  /** The group that consists of these nodes, with the modules of its versions. */
  load(nodes: ReadonlySet<Node>): Group
  /** True if a workflow of the script has an instance that runs or waits: its process must not end. */
  hasWork(scriptId: number): boolean
  /** The ids of a script's Durable Object classes; undefined if no version of it is deployed. */
  classesOf(scriptId: number): string[] | undefined
}

/**
 * The version with the largest share of the traffic, of two equal ones the newer. It hosts the Durable Objects of all
 * deployed versions, runs the instances of workflows and serves the requests of service bindings: a version at 0 % that is
 * only being checked must not touch what users reach.
 */
export function leadOf({ runnables, shares }: Serving): Runnable | undefined {
  const shareOf = (id: string) => shares.find(({ version_id: version }) => version === id)?.percentage ?? 0
  const sorted = runnables.toSorted(
    ({ version: a }, { version: b }) => shareOf(b.id) - shareOf(a.id) || b.number - a.number,
  )
  return sorted[0]
}
