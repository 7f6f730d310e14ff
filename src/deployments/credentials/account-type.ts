const types = ['free', 'pro', 'business', 'enterprise'] as const

export interface AccountType {
  type: (typeof types)[number]
  /** Where it was found; `assumed` when nothing could be read. */
  source: 'account' | 'subscriptions' | 'zones' | 'assumed'
}

/** The API has no such field: it is the highest of what the account has subscribed to and its zones are on. */
export function accountType(seen: {
  named: string | undefined
  ratePlans: string[] | undefined
  zonePlans: string[] | undefined
}): AccountType {
  if (seen.named === 'enterprise') return { type: 'enterprise', source: 'account' }
  const subscribed = highest(seen.ratePlans)
  const zoned = highest(seen.zonePlans)
  if (subscribed === undefined && zoned === undefined) return { type: 'free', source: 'assumed' }
  return (subscribed ?? -1) >= (zoned ?? -1)
    ? { type: types[subscribed ?? 0] ?? 'free', source: 'subscriptions' }
    : { type: types[zoned ?? 0] ?? 'free', source: 'zones' }
}

/** Names are an open set; those that are none of ours, like `workers_paid`, say nothing about it. */
function highest(plans: string[] | undefined): number | undefined {
  return plans && Math.max(0, ...plans.map((plan) => types.indexOf(plan as AccountType['type'])))
}
