/** Cloudflare's list prices in USD as published in July 2026; the only place to change them. */
const prices = {
  asOf: '2026-07-01',
  workersPaidMonthly: 5,
  includedRequestsMillions: 10,
  includedCpuMsMillions: 30,
  /** Prices per second. The included amounts are per month, for all containers of the account. */
  container: {
    vcpuSecond: 0.00002,
    gibSecond: 0.0000025,
    gbSecond: 0.00000007,
    includedVcpuSeconds: 375 * 60,
    includedGibSeconds: 25 * 3600,
    includedGbSeconds: 200 * 3600,
  },
}

/** Assumptions about the use of containers, which is unknown in advance. */
const assumed = { hoursRunning: 240, cpuUse: 0.25 }

export interface CostEstimate {
  monthly: number
  currency: 'USD'
  details: { asOf: string; assumptions: string[]; parts: Record<string, number> }
}

/** The size of one container and the maximum number of containers. */
export interface ContainerUse {
  vcpu: number
  memoryMib: number
  diskMb: number
  instances: number
}

/** Estimates the monthly cost of an app, with the assumptions of the estimate. */
export function estimateCost(target: 'cloudflare' | 'local', container?: ContainerUse): CostEstimate {
  if (target === 'local') {
    return estimate({}, ['the local cloud bills nothing'])
  }
  const plan = [
    'the Workers Paid plan, shared by all apps of the account',
    `at most ${prices.includedRequestsMillions} million requests and ${prices.includedCpuMsMillions} million CPU-ms a month`,
  ]
  const parts = { workersPaid: prices.workersPaidMonthly }
  if (container === undefined) return estimate(parts, [...plan, 'no container'])
  return estimate({ ...parts, ...containerParts(container) }, [
    ...plan,
    `${container.instances} container(s), each running ${assumed.hoursRunning} hours a month`,
    `${assumed.cpuUse * 100} % of their CPU in use while running`,
    'no other app uses the included amounts of the plan; traffic is not counted',
  ])
}

function containerParts({ vcpu, memoryMib, diskMb, instances }: ContainerUse): Record<string, number> {
  const rates = prices.container
  const seconds = assumed.hoursRunning * 3600 * instances
  const over = (used: number, included: number) => Math.max(0, used - included)
  return {
    cpu: over(vcpu * assumed.cpuUse * seconds, rates.includedVcpuSeconds) * rates.vcpuSecond,
    memory: over((memoryMib / 1024) * seconds, rates.includedGibSeconds) * rates.gibSecond,
    disk: over((diskMb / 1000) * seconds, rates.includedGbSeconds) * rates.gbSecond,
  }
}

function estimate(parts: Record<string, number>, assumptions: string[]): CostEstimate {
  const cents = (amount: number) => Math.round(amount * 100) / 100
  const rounded = Object.fromEntries(Object.entries(parts).map(([name, amount]) => [name, cents(amount)]))
  const monthly = cents(Object.values(parts).reduce((sum, amount) => sum + amount, 0))
  return { monthly, currency: 'USD', details: { asOf: prices.asOf, assumptions, parts: rounded } }
}
