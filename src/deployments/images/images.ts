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

/** Images in registries anywhere. */
export interface Images {
  /** What a reference points to now. @throws RegistryError, UnusableImage */
  inspect(
    reference: ImageReference,
    login: LoginSource,
    signal: AbortSignal,
  ): Promise<{ digest: string; bytes: number }>
  /** Makes the image exist in the account's own registry, under a tag. @returns how many bytes were sent. */
  copy(job: ImageJob, signal: AbortSignal): Promise<{ copiedBytes: number }>
}

export interface ImageJob {
  source: { image: string; digest: string; login: LoginSource }
  destination: { host: string; repository: string; tag: string; login: LoginSource }
  onBlob(done: { digest: string; size: number; how: 'present' | 'mounted' | 'copied' }): void
}

export interface ImagesOptions {
  /**
   * The pool of connections to registries. Where the local cloud does not run it must refuse this machine
   * (`elsewhereOnly`): else whoever may prepare could look around on its ports.
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
      // By its digest: the tag may have been moved since the plan was made.
      const { image } = await resolveImage(from, source.digest, signal)
      const to = { registry: registryOf(host, login), repository, tag }
      return copyImage({ source: from, destination: to, image, signal, onBlob })
    },
  }
}

/** The sign-in that came with the image; the account's own for an image in its registry; else none. */
export function sourceLogin(about: {
  image: ImageReference
  secret: PullSecret | undefined
  containers: ContainerApi
}): LoginSource {
  const { image, secret, containers } = about
  if (secret !== undefined) return async () => secret
  if (image.host === 'registry.cloudflare.com') return managedLogin(containers)
  return async () => undefined
}

/** Lives for a quarter of an hour; a refused one is replaced. */
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
