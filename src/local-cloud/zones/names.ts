/** True for the zone's name and names below it; `*` counts as a label. */
export const isWithin = (hostname: string, zone: string): boolean =>
  hostname === zone || hostname.endsWith(`.${zone}`)
