import type { TrafficShare } from '../../model/app-state.ts'

/** Gives all traffic to one version. */
export const allTo = (versionId: string): TrafficShare[] => [{ versionId, percentage: 100 }]
