import type { Application } from '../store/containers.ts'
import { containersRefusal } from './refusal.ts'
import type { Configuration } from './schema.ts'

export interface Size {
  vcpu: number
  memoryMib: number
  diskMb: number
}

const lite: Size = { vcpu: 0.0625, memoryMib: 256, diskMb: 2000 }
/** Cloudflare's instance types. */
const sizes: Record<NonNullable<Configuration['instance_type']>, Size> = {
  lite,
  basic: { vcpu: 0.25, memoryMib: 1024, diskMb: 4000 },
  'standard-1': { vcpu: 0.5, memoryMib: 4096, diskMb: 8000 },
  'standard-2': { vcpu: 1, memoryMib: 6144, diskMb: 12_000 },
  'standard-3': { vcpu: 2, memoryMib: 8192, diskMb: 16_000 },
  'standard-4': { vcpu: 4, memoryMib: 12_288, diskMb: 20_000 },
}

/** Cloudflare's published limits of a paid account. */
export const perContainer: Size = sizes['standard-4']
export const perAccount: Size = { vcpu: 1500, memoryMib: 6 * 1024 * 1024, diskMb: 30_000_000 }

function sizeOf(configuration: Partial<Configuration>): Size {
  const { instance_type, vcpu, memory_mib, disk } = configuration
  const base = instance_type === undefined ? lite : sizes[instance_type]
  return {
    vcpu: vcpu ?? base.vcpu,
    memoryMib: memory_mib ?? base.memoryMib,
    diskMb: disk?.size_mb ?? base.diskMb,
  }
}

/** The total of the applications' maximum sizes. No container runs, so the maximum counts as the usage. */
export function usageOf(applications: Pick<Application, 'configuration' | 'maxInstances'>[]): Size {
  const sum: Size = { vcpu: 0, memoryMib: 0, diskMb: 0 }
  for (const { configuration, maxInstances } of applications) {
    const size = sizeOf(configuration)
    for (const part of parts) sum[part] += size[part] * maxInstances
  }
  return sum
}

const parts = ['vcpu', 'memoryMib', 'diskMb'] as const

/**
 * Checks the account's limits.
 * @throws ApiError SURPASSED_BASE_LIMITS per container, SURPASSED_TOTAL_LIMITS for the total
 */
export function checkLimits(
  wanted: Pick<Application, 'configuration' | 'maxInstances'>,
  others: Pick<Application, 'configuration' | 'maxInstances'>[],
): void {
  const size = sizeOf(wanted.configuration)
  if (parts.some((part) => size[part] > perContainer[part])) {
    throw containersRefusal(
      'SURPASSED_BASE_LIMITS',
      'The size of a container exceeds the limit per container.',
    )
  }
  const all = usageOf([...others, wanted])
  if (parts.some((part) => all[part] > perAccount[part])) {
    throw containersRefusal(
      'SURPASSED_TOTAL_LIMITS',
      'The total size of all containers exceeds the limit of the account.',
    )
  }
}
