/** Parses Cloudflare's `Ratelimit: "default";r=1150;t=240`: calls left, and seconds until the window ends. */
export function ratelimitOf(headers: {
  get(name: string): string | null
}): { left: number; resetsIn: number } | undefined {
  const text = headers.get('ratelimit') ?? ''
  const [, left] = /;\s*r=(\d{1,9})\b/.exec(text) ?? []
  const [, seconds] = /;\s*t=(\d{1,6})\b/.exec(text) ?? []
  if (left === undefined || seconds === undefined) return undefined
  return { left: Number(left), resetsIn: Number(seconds) }
}
