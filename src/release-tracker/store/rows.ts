import type { Ended } from '../history/placement.ts'
import type { LiveImage, RolloutState } from './components.ts'

/** Which container of an environment. */
export interface ContainerColumns {
  namespace: string
  /** Empty for Kubernetes' own kinds. */
  api_group: string
  kind: string
  workload: string
  container: string
}

/** What it ran, and from when to when. */
export interface ImageColumns {
  image_repo: string
  image_name: string
  image_tag: string
  /** Null when no node tells. */
  image_sha: string | null
  first_seen: Date
  last_seen: Date
}

/** How that ended; nulls while it goes on. */
export interface EndColumns {
  ended: Ended | null
  ended_at: Date | null
}

/** How its rollout stands; nulls for the past: only images have a history. */
export interface RolloutColumns {
  state: RolloutState | null
  pods: number | null
  images: LiveImage[] | null
}
