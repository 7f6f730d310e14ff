import type { InstanceType } from './instance-types.ts'

/** The container of a plan. Its image is fixed by digest, even if the tag moves later. */
export interface PlannedContainer {
  /** The given image reference in full form. */
  image: string
  /** The digest of the manifest for linux/amd64. */
  digest: string
  /** The compressed size of the configuration and all layers. */
  bytes: number
  className: string
  instanceType: InstanceType
  maxInstances: number
}
