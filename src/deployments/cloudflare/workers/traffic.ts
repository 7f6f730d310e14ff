import type { TrafficShare } from '../../model/app-state.ts'

/** Gives all traffic to one version. */
export const allTo = (versionId: string): TrafficShare[] => [{ versionId, percentage: 100 }]

/** The shares that are greater than 0 %. A version at 0 % answers only requests that name it. */
export const withTraffic = (shares: TrafficShare[]): TrafficShare[] =>
  shares.filter(({ percentage }) => percentage > 0)
