import type { NamespaceObjects } from './objects.ts'

/** The cluster as a collection reads it. Every call takes a fixed number of lists, whatever the size of the namespace. */
export interface Cluster {
  /** @throws ClusterFault */
  namespaces(signal: AbortSignal): Promise<string[]>
  /** All of it or nothing. @throws ClusterFault */
  read(namespace: string, signal: AbortSignal): Promise<NamespaceObjects>
  /** Why lists were left out that make a reading more exact, one text for each. */
  withheld(): string[]
  close(): Promise<void>
}

/** Why something could not be read, in words that hold nothing secret. */
export class ClusterFault extends Error {
  override name = 'ClusterFault'
}
