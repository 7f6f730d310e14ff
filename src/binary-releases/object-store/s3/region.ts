/** The region of R2 and of stores that ignore the region. */
const anyRegion = 'auto'
const shape = /^[a-z0-9][a-z0-9-]{0,39}$/

/** The initial region: the configured one, or the one in the endpoint's host name (AWS, Backblaze and others). */
export function initialRegion(config: { endpoint: string; region?: string | undefined }): string {
  if (config.region !== undefined) return config.region
  const { hostname } = new URL(config.endpoint)
  return /^s3[.-](?:dualstack\.)?([a-z]{2}(?:-[a-z]+)+-\d+)\./.exec(hostname)?.[1] ?? anyRegion
}

/** The region that a store requests when it refuses another; undefined if it names none. */
export function regionRequestedBy(error: unknown): string | undefined {
  const { $response, Region } = (error ?? {}) as {
    $response?: { headers?: Record<string, string> }
    Region?: unknown
  }
  const named = [$response?.headers?.['x-amz-bucket-region'], Region]
  return named.find((each): each is string => typeof each === 'string' && shape.test(each))
}
