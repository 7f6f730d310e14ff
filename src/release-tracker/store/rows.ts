import type { Ended } from '../history/placement.ts'
import type { LiveImage, RolloutState } from './components.ts'

/** Identifies a container of an environment. */
export interface ContainerColumns {
  namespace: string
  /** Empty for Kubernetes' own kinds. */
  api_group: string
  kind: string
  workload: string
  container: string
}

/** An image, and when it ran. */
export interface ImageColumns {
  image_repo: string
  image_name: string
  image_tag: string
  /** Null if no node reports it. */
  image_sha: string | null
  first_seen: Date
  last_seen: Date
}

/** How the interval ended; null while it is open. */
export interface EndColumns {
  ended: Ended | null
  ended_at: Date | null
}

/** The state of the rollout; null for the past, because only images have a history. */
export interface RolloutColumns {
  state: RolloutState | null
  pods: number | null
  images: LiveImage[] | null
}
