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
import { canonicalMetadata } from '../catalogue/metadata.ts'
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

/** A reason not to use the file. */
class NotGenuine extends Error {
  override name = 'NotGenuine'
}

/**
 * End to end: a trusted key has signed the release's metadata, which is about this version and names the SHA-256 of
 * this platform's file, which this file has.
 */
export async function verifyFile(
  { deps, out }: { deps: CommandDeps; out: Output },
  file: string,
  flags: VerifyFlags,
): Promise<ExitCode> {
  const size = (await stat(file).catch(() => undefined))?.size
  if (size === undefined) throw new UsageFault(`${file} can't be read`)
  const { version, platform } = named(file, flags)
  const client = await deps.client()
  try {
    const { expected, keyId, yanked } = await signedHash(client, { version, platform, key: flags.key })
    const progress = createProgress(deps.stderr, out.say)
    progress.begin(`Reading ${plain(basename(file))}`, size)
    const actual = await hashFile(file, (bytes) => progress.at(bytes))
    progress.end(`SHA-256 ${actual}`)
    if (actual !== expected) throw new NotGenuine(`the file has SHA-256 ${actual}, the release ${expected}`)
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

function named(file: string, flags: VerifyFlags): { version: string; platform: string } {
  const [, version, platform] = /-v(.+)-([a-z0-9]+-[a-z0-9_]+)\.(?:tar\.gz|zip)$/.exec(basename(file)) ?? []
  const found = { version: flags.version ?? version, platform: flags.platform ?? platform }
  if (found.version === undefined || !isVersion(found.version) || found.platform === undefined)
    throw new UsageFault('The file name says no version and platform: give --version and --platform')
  return { version: found.version, platform: found.platform }
}

/** The SHA-256 that a trusted signature vouches for. @throws NotGenuine */
async function signedHash(
  client: ApiClient,
  about: { version: string; platform: string; key: string | undefined },
): Promise<{ expected: string; keyId: string; yanked: string | undefined }> {
  const { version, platform } = about
  const path = `/releases/${encodeURIComponent(version)}`
  const metadata = await client.call(releaseAnswer, { path })
  const signature = await client
    .call(signatureAnswer, { path: `${path}/signature` })
    .catch((error: unknown) => {
      if (error instanceof ApiError && error.status === 404) throw new NotGenuine('the release is not signed')
      throw error
    })
  const publicKey = await trustedKey(client, signature.key_id, about.key)
  if (signature.algorithm !== 'Ed25519' || !isSignedBy(publicKey, canonicalMetadata(metadata), signature))
    throw new NotGenuine('the signature does not match the metadata of the release')
  if (metadata.version !== version)
    throw new NotGenuine(`the metadata is that of another version, ${metadata.version}`)
  const expected = Object.hasOwn(metadata.platforms, platform) ? metadata.platforms[platform] : undefined
  if (expected === undefined) throw new NotGenuine(`the release has no file for ${platform}`)
  return { expected, keyId: signature.key_id, yanked: metadata.yanked?.reason }
}

/** The pinned key, or the one that the service names under this id. An id that does not fit its key is a forgery. */
async function trustedKey(client: ApiClient, id: string, pinned: string | undefined): Promise<string> {
  if (pinned !== undefined) {
    const pem = await readFile(pinned, 'utf8').catch(() => {
      throw new UsageFault(`${pinned} can't be read`)
    })
    if (idOf(pem) === undefined) throw new UsageFault(`${pinned} is no public key in PEM`)
    if (idOf(pem) !== id)
      throw new NotGenuine(`it was signed by key ${id}, not by the given one (${idOf(pem)})`)
    return pem
  }
  const { keys } = await client.call(keysAnswer, { path: '/releases/keys' })
  const known = keys.find(({ key_id }) => key_id === id)
  if (known === undefined) throw new NotGenuine(`it was signed by a key that is not known here, ${id}`)
  if (known.revoked) throw new NotGenuine(`it was signed by key ${id}, which is revoked`)
  if (idOf(known.public_key) !== id) throw new NotGenuine(`the key published as ${id} is another one`)
  return known.public_key
}

function idOf(pem: string): string | undefined {
  try {
    return keyIdOf(pem)
  } catch {
    return undefined
  }
}
