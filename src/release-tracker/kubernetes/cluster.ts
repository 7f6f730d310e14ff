import type { NamespaceObjects } from './objects.ts'

/** Reads a cluster for a collection. Each call reads a fixed number of lists, whatever the size of the namespace. */
export interface Cluster {
  /** @throws ClusterFault */
  namespaces(signal: AbortSignal): Promise<string[]>
  /** Reads all objects of a namespace, or none. @throws ClusterFault */
  read(namespace: string, signal: AbortSignal): Promise<NamespaceObjects>
  /** One reason for each optional list that could not be read. */
  withheld(): string[]
  close(): Promise<void>
}

/** A read failed. The message contains no secrets. */
export class ClusterFault extends Error {
  override name = 'ClusterFault'
}
