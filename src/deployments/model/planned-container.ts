import type { InstanceType } from './instance-types.ts'

/** The container of a plan, frozen: whatever becomes of the tag, this image is deployed. */
export interface PlannedContainer {
  /** As it was given, written out. */
  image: string
  /** Of the manifest for linux/amd64. */
  digest: string
  /** Of all that is pulled, compressed. */
  bytes: number
  className: string
  instanceType: InstanceType
  maxInstances: number
}
