const types = ['free', 'pro', 'business', 'enterprise'] as const

export interface AccountType {
  type: (typeof types)[number]
  /** The source of the type; `assumed` if nothing could be read. */
  source: 'account' | 'subscriptions' | 'zones' | 'assumed'
}

/** The highest plan among the account's subscriptions and zones, since the API has no field for the type. */
export function accountType(plans: {
  named: string | undefined
  ratePlans: string[] | undefined
  zonePlans: string[] | undefined
}): AccountType {
  if (plans.named === 'enterprise') return { type: 'enterprise', source: 'account' }
  const subscribed = highest(plans.ratePlans)
  const zoned = highest(plans.zonePlans)
  if (subscribed === undefined && zoned === undefined) return { type: 'free', source: 'assumed' }
  return (subscribed ?? -1) >= (zoned ?? -1)
    ? { type: types[subscribed ?? 0] ?? 'free', source: 'subscriptions' }
    : { type: types[zoned ?? 0] ?? 'free', source: 'zones' }
}

/** The index of the highest known plan. Unknown names, like `workers_paid`, do not count. */
function highest(plans: string[] | undefined): number | undefined {
  return plans && Math.max(0, ...plans.map((plan) => types.indexOf(plan as AccountType['type'])))
}
