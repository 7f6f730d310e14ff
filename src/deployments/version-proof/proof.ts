/** The part of an app's response that a proof may need. */
export interface ProvedResponse {
  headers: Record<string, string | string[] | undefined>
}

/**
 * Finds out which version of a Worker answered a request. Cloudflare ignores a version override that it cannot apply,
 * without any sign in the response, so an answer alone says nothing about the new version.
 */
export interface VersionProof {
  /** The source of the proof, for logs. */
  readonly source: string
  /** The headers of a request whose version is to be found out. */
  headersOf(requestId: string): Record<string, string>
  /** The id of the version that answered; undefined if that could not be found out. */
  versionOf(requestId: string, response: ProvedResponse, signal: AbortSignal): Promise<string | undefined>
  close(): Promise<void>
}

/** The header in which the local cloud names the version that answered a request with an override. */
const localVersionHeader = 'x-local-cloud-version'

/** The proof on the local cloud, whose responses name the version. */
export const localProof: VersionProof = {
  source: `the response header ${localVersionHeader}`,
  headersOf: () => ({}),
  async versionOf(_requestId, { headers }) {
    const value = headers[localVersionHeader]
    return typeof value === 'string' ? value : undefined
  },
  close: async () => undefined,
}
