import { readFile, stat } from 'node:fs/promises'
import { basename } from 'node:path'
import { type ApiClient, ApiError } from '../../cli/api/client.ts'
import {
  type CommandDeps,
  createProgress,
  type ExitCode,
  exitCodes,
  type Output,
  plain,
  UsageFault,
} from '../../cli/index.ts'
import { canonicalMetadata } from '../catalogue/canonical-metadata.ts'
import { isVersion } from '../catalogue/versions.ts'
import { isSignedBy, keyIdOf } from '../downloads/signing.ts'
import { hashFile } from './hash-file.ts'
import { keysAnswer, releaseAnswer, signatureAnswer } from './wire.ts'

/** The options of `capstan release verify`. */
export interface VerifyFlags {
  version?: string
  platform?: string
  key?: string
}

/** The file is not the published one and must not be used. */
class NotGenuine extends Error {
  override name = 'NotGenuine'
}

/**
 * Verifies a file end to end: a trusted key signed the metadata of this version, and the metadata contains the file's
 * SHA-256 for this platform.
 */
export async function verifyFile(
  { deps, out }: { deps: CommandDeps; out: Output },
  file: string,
  flags: VerifyFlags,
): Promise<ExitCode> {
  const size = (await stat(file).catch(() => undefined))?.size
  if (size === undefined) throw new UsageFault(`cannot read ${file}`)
  const { version, platform } = identify(file, flags)
  const client = await deps.client()
  try {
    const { expected, keyId, yanked } = await signedHash(client, { version, platform, key: flags.key })
    const progress = createProgress(deps.stderr, out.say)
    progress.begin(`Reading ${plain(basename(file))}`, size)
    const actual = await hashFile(file, (bytes) => progress.at(bytes))
    progress.end(`SHA-256 ${actual}`)
    if (actual !== expected)
      throw new NotGenuine(`the file has SHA-256 ${actual}, but the release has ${expected}`)
    if (yanked !== undefined) out.warn(`warning: this version was withdrawn: ${plain(yanked)}`)
    const lines = [
      `OK: ${plain(basename(file))} is ${version} for ${plain(platform)}, signed by key ${keyId}`,
    ]
    out.answer(lines, {
      verified: true,
      version,
      platform,
      sha256: actual,
      key_id: keyId,
      yanked: yanked ?? null,
    })
    return exitCodes.done
  } catch (error) {
    if (!(error instanceof NotGenuine)) throw error
    out.warn(`NOT VERIFIED: ${plain(error.message)}. Do not use ${plain(file)}.`)
    out.document({ verified: false, version, platform, reason: error.message })
    return exitCodes.failed
  }
}

function identify(file: string, flags: VerifyFlags): { version: string; platform: string } {
  const [, version, platform] = /-v(.+)-([a-z0-9]+-[a-z0-9_]+)\.(?:tar\.gz|zip)$/.exec(basename(file)) ?? []
  const found = { version: flags.version ?? version, platform: flags.platform ?? platform }
  if (found.version === undefined || !isVersion(found.version) || found.platform === undefined)
    throw new UsageFault('The file name contains no version and platform: use --version and --platform')
  return { version: found.version, platform: found.platform }
}

/** The SHA-256 in metadata that a trusted key signed. @throws NotGenuine */
async function signedHash(
  client: ApiClient,
  target: { version: string; platform: string; key: string | undefined },
): Promise<{ expected: string; keyId: string; yanked: string | undefined }> {
  const { version, platform } = target
  const path = `/releases/${encodeURIComponent(version)}`
  const metadata = await client.call(releaseAnswer, { path })
  const signature = await client
    .call(signatureAnswer, { path: `${path}/signature` })
    .catch((error: unknown) => {
      if (error instanceof ApiError && error.status === 404) throw new NotGenuine('the release is not signed')
      throw error
    })
  const publicKey = await trustedKey(client, signature.key_id, target.key)
  if (signature.algorithm !== 'Ed25519' || !isSignedBy(publicKey, canonicalMetadata(metadata), signature))
    throw new NotGenuine('the signature does not match the metadata of the release')
  if (metadata.version !== version)
    throw new NotGenuine(`the metadata belongs to version ${metadata.version}`)
  const expected = Object.hasOwn(metadata.platforms, platform) ? metadata.platforms[platform] : undefined
  if (expected === undefined) throw new NotGenuine(`the release has no file for ${platform}`)
  return { expected, keyId: signature.key_id, yanked: metadata.yanked?.reason }
}

/** The pinned key, or the service's key with this id. A key that does not match its id is a forgery. */
async function trustedKey(client: ApiClient, id: string, pinned: string | undefined): Promise<string> {
  if (pinned !== undefined) {
    const pem = await readFile(pinned, 'utf8').catch(() => {
      throw new UsageFault(`cannot read ${pinned}`)
    })
    if (idOf(pem) === undefined) throw new UsageFault(`${pinned} is not a public key in PEM format`)
    if (idOf(pem) !== id)
      throw new NotGenuine(`it is signed by key ${id}, not by the given key (${idOf(pem)})`)
    return pem
  }
  const { keys } = await client.call(keysAnswer, { path: '/releases/keys' })
  const published = keys.find(({ key_id }) => key_id === id)
  if (published === undefined)
    throw new NotGenuine(`it is signed by key ${id}, which the service does not know`)
  if (published.revoked) throw new NotGenuine(`it is signed by key ${id}, which is revoked`)
  if (idOf(published.public_key) !== id) throw new NotGenuine(`the public key does not match its id ${id}`)
  return published.public_key
}

/** The id of a public key; undefined if the text is not a key. */
function idOf(pem: string): string | undefined {
  try {
    return keyIdOf(pem)
  } catch {
    return undefined
  }
}
