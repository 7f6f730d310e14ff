/** The zone's own name, or one below it; `*.` counts as a label. */
export const isWithin = (hostname: string, zone: string): boolean =>
  hostname === zone || hostname.endsWith(`.${zone}`)
