/** Of R2, and of stores that look at no region. */
const anyRegion = 'auto'
const shape = /^[a-z0-9][a-z0-9-]{0,39}$/

/** The region to begin with: the one that is configured, or that the endpoint names as AWS, Backblaze and others do. */
export function initialRegion(config: { endpoint: string; region?: string | undefined }): string {
  if (config.region !== undefined) return config.region
  const { hostname } = new URL(config.endpoint)
  return /^s3[.-](?:dualstack\.)?([a-z]{2}(?:-[a-z]+)+-\d+)\./.exec(hostname)?.[1] ?? anyRegion
}

/** The region that a store asks for when it refuses one; undefined where it names none. */
export function regionAskedFor(error: unknown): string | undefined {
  const { $response, Region } = (error ?? {}) as {
    $response?: { headers?: Record<string, string> }
    Region?: unknown
  }
  const named = [$response?.headers?.['x-amz-bucket-region'], Region]
  return named.find((each): each is string => typeof each === 'string' && shape.test(each))
}
