import { createPrivateKey } from 'node:crypto'
import { z } from 'zod'
import { credential, flag, httpUrl, listOf } from '../platform/config/fields.ts'
import { settingGroup } from '../platform/config/settings.ts'

/** An S3 bucket and its credentials. */
export interface BucketConfig {
  endpoint: string
  bucket: string
  accessKeyId: string
  secretAccessKey: string
  /** Undefined: taken from the endpoint or from the store's responses. */
  region?: string | undefined
}

export interface BinaryReleasesConfig {
  /** Undefined: files under `DATA_DIR`. */
  bucket: BucketConfig | undefined
  platforms: string[]
  filePrefix: string
  /** An Ed25519 private key in PEM. Undefined: embedded mode generates a key; otherwise publishing is refused. */
  signingKey: string | undefined
  /** Ids of keys that are no longer trusted. */
  revokedKeys: string[]
}

const knownPlatforms = 'darwin-arm64,darwin-x86_64,linux-x86_64,linux-aarch64,windows-x86_64'

const region = z
  .string()
  .trim()
  .regex(/^[a-z0-9][a-z0-9-]{0,39}$/, 'expected a region like eu-central-1')
  .optional()

const about = settingGroup('Binary releases', ['web', 'worker'])

export const binaryReleasesVariables = z.object({
  R2_ACCOUNT_ID: about(credential('R2_ACCOUNT_ID'), 'Cloudflare account of the R2 bucket', {
    without: 'files in DATA_DIR, unless R2_ENDPOINT is set',
  }),
  R2_ACCESS_KEY: about(credential('R2_ACCESS_KEY'), 'access key id of the bucket', { secret: true }),
  R2_SECRET_KEY: about(credential('R2_SECRET_KEY'), 'secret access key of the bucket', { secret: true }),
  R2_REGION: about(region, 'region of the bucket', {
    without: 'read from the endpoint or from the answers of the store',
  }),
  S3_REGION: about(region, 'another name of R2_REGION, which overrides it'),
  R2_BUCKET: about(
    z
      .string()
      .regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, 'expected the name of a bucket')
      .optional(),
    'name of the bucket',
    { without: 'cco-releases-private' },
  ),
  R2_ENDPOINT: about(
    httpUrl.optional(),
    'endpoint of S3, MinIO or another compatible store, in place of R2_ACCOUNT_ID',
  ),
  RELEASE_PLATFORMS: about(
    z
      .string()
      .refine(
        (list) =>
          listOf(list).length > 0 && listOf(list).every((each) => /^[a-z0-9][a-z0-9_-]{0,39}$/.test(each)),
        'expected names like linux-x86_64, separated by commas',
      )
      .default(knownPlatforms),
    'comma-separated platforms for which files may be published',
  ),
  RELEASE_FILE_PREFIX: about(
    z
      .string()
      .regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,39}$/, 'expected letters, digits, "-" and "_"')
      .default('cco'),
    'first part of the file names: cco-v2025.11.24-linux-x86_64.tar.gz',
  ),
  RELEASE_SIGNING_KEY: about(
    flag('RELEASE_SIGNING_KEY'),
    'Ed25519 key in PEM: openssl genpkey -algorithm ed25519',
    { secret: true, without: 'generated in DATA_DIR; in production nothing can be published' },
  ),
  RELEASE_REVOKED_KEYS: about(
    z
      .string()
      .refine(
        (list) => listOf(list).every((id) => /^[0-9a-f]{16}$/.test(id)),
        'expected key ids of 16 hexadecimal digits, separated by commas',
      )
      .default(''),
    'comma-separated ids of signing keys that are no longer trusted',
    { usedBy: ['web'] },
  ),
})
type Variables = z.infer<typeof binaryReleasesVariables>

export function binaryReleasesConfig(vars: Variables, faults: string[]): BinaryReleasesConfig {
  return {
    bucket: bucketOf(vars, faults),
    platforms: [...new Set(listOf(vars.RELEASE_PLATFORMS))],
    filePrefix: vars.RELEASE_FILE_PREFIX,
    signingKey: signingKeyOf(vars.RELEASE_SIGNING_KEY, faults),
    revokedKeys: listOf(vars.RELEASE_REVOKED_KEYS),
  }
}

/** Requires all bucket settings or none: an incomplete group is an error and never falls back to files on disk. */
function bucketOf(vars: Variables, faults: string[]): BucketConfig | undefined {
  const names = ['R2_ACCOUNT_ID', 'R2_ACCESS_KEY', 'R2_SECRET_KEY', 'R2_BUCKET', 'R2_ENDPOINT'] as const
  if (names.every((name) => vars[name] === undefined)) return undefined
  // The account id is needed only to build R2's endpoint; any other endpoint is complete.
  const isReported = (name: string) => faults.some((fault) => fault.startsWith(`${name}:`))
  const hasEndpoint = vars.R2_ENDPOINT !== undefined || isReported('R2_ENDPOINT')
  const required = ['R2_ACCESS_KEY', 'R2_SECRET_KEY', ...(hasEndpoint ? [] : ['R2_ACCOUNT_ID'])] as const
  const missing = required.filter((name) => vars[name as keyof Variables] === undefined && !isReported(name))
  faults.push(...missing.map((name) => `${name}: required when another R2_* variable is set`))
  return {
    endpoint: (vars.R2_ENDPOINT ?? `https://${vars.R2_ACCOUNT_ID}.r2.cloudflarestorage.com`).replace(
      /\/+$/,
      '',
    ),
    bucket: vars.R2_BUCKET ?? 'cco-releases-private',
    accessKeyId: vars.R2_ACCESS_KEY ?? '',
    secretAccessKey: vars.R2_SECRET_KEY ?? '',
    region: vars.R2_REGION ?? vars.S3_REGION,
  }
}

/** Parses a PEM whose line breaks may be escaped as `\n`, as many tools write environment variables. */
function signingKeyOf(text: string | undefined, faults: string[]): string | undefined {
  if (text === undefined) return undefined
  const pem = text.replaceAll('\\n', '\n')
  try {
    if (createPrivateKey(pem).asymmetricKeyType === 'ed25519') return pem
  } catch {
    // Reported below without the library's message, which may quote the key.
  }
  faults.push('RELEASE_SIGNING_KEY: expected an Ed25519 private key (openssl genpkey -algorithm ed25519)')
  return undefined
}
