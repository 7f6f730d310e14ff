/** Cloudflare's list prices in USD as published in July 2026; changed here and nowhere else. */
const prices = {
  asOf: '2026-07-01',
  workersPaidMonthly: 5,
  includedRequestsMillions: 10,
  includedCpuMsMillions: 30,
}

export interface CostEstimate {
  monthly: number
  currency: 'USD'
  details: { asOf: string; assumptions: string[] }
}

/** What the app adds a month, with what was assumed. */
export function estimateCost(target: 'cloudflare' | 'local'): CostEstimate {
  if (target === 'local') {
    const details = { asOf: prices.asOf, assumptions: ['the local cloud bills nothing'] }
    return { monthly: 0, currency: 'USD', details }
  }
  const assumptions = [
    'the Workers Paid plan, shared by all apps of the account',
    `at most ${prices.includedRequestsMillions} million requests and ${prices.includedCpuMsMillions} million CPU-ms a month`,
    'no container',
  ]
  return { monthly: prices.workersPaidMonthly, currency: 'USD', details: { asOf: prices.asOf, assumptions } }
}
