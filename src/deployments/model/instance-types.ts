/** Cloudflare's container sizes by name. */
export const instanceTypes = {
  lite: { vcpu: 0.0625, memoryMib: 256, diskMb: 2000 },
  basic: { vcpu: 0.25, memoryMib: 1024, diskMb: 4000 },
  'standard-1': { vcpu: 0.5, memoryMib: 4096, diskMb: 8000 },
  'standard-2': { vcpu: 1, memoryMib: 6144, diskMb: 12_000 },
  'standard-3': { vcpu: 2, memoryMib: 8192, diskMb: 16_000 },
  'standard-4': { vcpu: 4, memoryMib: 12_288, diskMb: 20_000 },
} as const

export type InstanceType = keyof typeof instanceTypes
export const instanceTypeNames = Object.keys(instanceTypes) as [InstanceType, ...InstanceType[]]

export interface Size {
  vcpu: number
  memoryMib: number
  diskMb: number
}

/** Describes the first part of `wanted` that exceeds `limit`; undefined if it fits. */
export function excess(wanted: Size, limit: Size): string | undefined {
  if (wanted.vcpu > limit.vcpu) return `${wanted.vcpu} vCPU, the limit is ${limit.vcpu}`
  if (wanted.memoryMib > limit.memoryMib)
    return `${wanted.memoryMib} MiB of memory, the limit is ${limit.memoryMib}`
  if (wanted.diskMb > limit.diskMb) return `${wanted.diskMb} MB of disk, the limit is ${limit.diskMb}`
  return undefined
}
