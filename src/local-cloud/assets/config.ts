import { ApiError } from '../errors.ts'
import { type HeaderRules, parseHeaders } from './headers-file.ts'
import { parseRedirects, type Redirects } from './redirects-file.ts'
import type { Problem } from './rule-lines.ts'
import type { AssetConfig } from './schema.ts'

export interface ParsedConfig {
  redirects: Redirects | undefined
  headers: HeaderRules | undefined
}

/** Parses the rules of an asset configuration. @throws ApiError 100324 that lists the invalid lines */
export function parseAssetConfig(config: AssetConfig): ParsedConfig {
  const redirects =
    config._redirects === undefined ? undefined : parseRedirects(config._redirects, config.html_handling)
  const headers = config._headers === undefined ? undefined : parseHeaders(config._headers)
  refuse('_redirects', redirects?.problems)
  refuse('_headers', headers?.problems)
  return { redirects: redirects?.redirects, headers: headers?.headers }
}

function refuse(file: string, problems: Problem[] = []): void {
  if (problems.length === 0) return
  const lines = problems
    .slice(0, 20)
    .map(({ line, message }) => (line === 0 ? message : `Line ${line}: ${message}`))
  throw new ApiError('invalidAssetRules', `Invalid ${file} configuration:\n${lines.join('\n')}`)
}
