import type { Dispatcher } from 'undici'
import type { ContainerApi } from '../cloudflare/containers-api.ts'
import {
  copyImage,
  createRegistry,
  type ImageReference,
  type LoginSource,
  parseReference,
  type Registry,
  resolveImage,
} from './registry/index.ts'

export interface PullSecret {
  username: string
  password: string
}

/** Reads and copies images of any registry. */
export interface Images {
  /** The digest and size that a reference points to now. @throws RegistryError, UnusableImage */
  inspect(
    reference: ImageReference,
    login: LoginSource,
    signal: AbortSignal,
  ): Promise<{ digest: string; bytes: number }>
  /** Copies an image into the account's own registry under a tag. @returns the number of bytes sent */
  copy(job: ImageJob, signal: AbortSignal): Promise<{ copiedBytes: number }>
}

export interface ImageJob {
  source: { image: string; digest: string; login: LoginSource }
  destination: { host: string; repository: string; tag: string; login: LoginSource }
  onBlob(done: { digest: string; size: number; how: 'present' | 'mounted' | 'copied' }): void
}

export interface ImagesOptions {
  /**
   * The connection pool for registries. Without the local cloud it must refuse this machine (`elsewhereOnly`);
   * otherwise a user who may prepare plans could scan its ports.
   */
  dispatcher: Dispatcher
}

export function createImages({ dispatcher }: ImagesOptions): Images {
  const registryOf = (host: string, login: LoginSource): Registry =>
    createRegistry({ host, dispatcher, login })
  return {
    async inspect({ host, repository, tag, digest }, login, signal) {
      const place = { registry: registryOf(host, login), repository }
      const { image } = await resolveImage(place, digest ?? tag ?? 'latest', signal)
      const blobs = [image.config, ...image.layers]
      return { digest: image.digest, bytes: blobs.reduce((sum, { size }) => sum + size, 0) }
    },
    async copy({ source, destination, onBlob }, signal) {
      const reference = parseReference(source.image)
      if ('problem' in reference) throw new Error('the image reference of the plan is invalid')
      const { host, repository, tag, login } = destination
      const from = { registry: registryOf(reference.host, source.login), repository: reference.repository }
      // The digest identifies the image, because the tag may have moved since the plan was made.
      const { image } = await resolveImage(from, source.digest, signal)
      const to = { registry: registryOf(host, login), repository, tag }
      return copyImage({ source: from, destination: to, image, signal, onBlob })
    },
  }
}

/** The credentials for an image: its pull secret, the account's own for an image in its registry, or none. */
export function sourceLogin(input: {
  image: ImageReference
  secret: PullSecret | undefined
  containers: ContainerApi
}): LoginSource {
  const { image, secret, containers } = input
  if (secret !== undefined) return async () => secret
  if (image.host === 'registry.cloudflare.com') return managedLogin(containers)
  return async () => undefined
}

/** Credentials for the account's own registry, valid for 15 minutes; rejected ones are replaced. */
export function managedLogin(containers: ContainerApi): LoginSource {
  let made: Promise<PullSecret> | undefined
  return (renew, signal) => {
    if (renew) made = undefined
    made ??= containers.registryLogin(signal).catch((error: unknown) => {
      made = undefined
      throw error
    })
    return made
  }
}
