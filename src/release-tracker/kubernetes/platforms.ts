import type { Pod } from './objects.ts'

/**
 * Whether the platforms of nodes matter: somewhere one reference has several contents, which architectures may explain.
 * Nodes are large objects, so they are read only then.
 */
export function needPlatforms(pods: Pod[]): boolean {
  const known = new Map<string, string>()
  for (const { containers } of pods) {
    for (const { name, image, imageId } of containers) {
      if (imageId === '') continue
      const key = JSON.stringify([name, image])
      const other = known.get(key)
      if (other !== undefined && other !== imageId) return true
      known.set(key, imageId)
    }
  }
  return false
}

/** @param nodes platforms by node name. If a node is missing, the pod's own node selector is used. */
export function addPlatforms(pods: Pod[], nodes: ReadonlyMap<string, string | undefined>): Pod[] {
  return pods.map((pod) => ({ ...pod, platform: nodes.get(pod.node) ?? pod.platform }))
}
