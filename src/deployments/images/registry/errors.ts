import { maskSecrets } from '../../../platform/logging/redact.ts'
import { OnThisMachine } from '../../../platform/network/this-machine.ts'
import { truncate } from '../../../platform/postgres/storable-text.ts'
import { imageUnusable } from '../../model/errors.ts'

/** A registry's refusal with its error code, e.g. `MANIFEST_UNKNOWN`; empty if it has none. */
export class RegistryError extends Error {
  override name = 'RegistryError'
  readonly host: string
  readonly status: number
  readonly code: string
  /** Seconds to wait before a retry. */
  readonly retryAfter: number | undefined

  constructor(details: {
    host: string
    status: number
    code?: string
    message?: string
    retryAfter?: number | undefined
  }) {
    const { host, status, code = '', message = '' } = details
    const said = [code, message].filter(Boolean).join(': ')
    super(truncate(maskSecrets(`${host} answered ${status}${said === '' ? '' : ` (${said})`}`), 500))
    this.host = host
    this.status = status
    this.code = code
    this.retryAfter = details.retryAfter
  }
}

/** The registry sent no answer, or a cut-off one. */
export class RegistryUnreachable extends Error {
  override name = 'RegistryUnreachable'
}

/** The content does not match its digest or violates the protocol. */
export class RegistryContentError extends Error {
  override name = 'RegistryContentError'
}

/** A complete image that cannot be deployed. */
export class UnusableImage extends Error {
  override name = 'UnusableImage'
}

/** True if the same call may succeed later. */
export function isTransient(error: unknown): boolean {
  if (error instanceof RegistryUnreachable) return true
  return error instanceof RegistryError && (error.status === 429 || error.status >= 500)
}

/** Turns failures of a registry into coded errors; returns all other errors unchanged. */
export function toImageError(error: unknown): unknown {
  if (error instanceof OnThisMachine) {
    const message = 'A registry on this machine is only allowed with the local cloud'
    return imageUnusable(message, {
      retryable: false,
      suggestedAction: 'Give a host name at which the registry serves TLS',
      cause: error,
    })
  }
  if (error instanceof RegistryError) {
    const { retryAfter } = error
    return imageUnusable(`The image transfer failed: ${error.message}`, {
      retryable: isTransient(error),
      suggestedAction: actionFor(error.status),
      cause: error,
      ...(retryAfter === undefined ? {} : { retryAfter }),
    })
  }
  if (error instanceof RegistryUnreachable || error instanceof RegistryContentError) {
    return imageUnusable(`The image transfer failed: ${error.message}`, {
      retryable: true,
      cause: error,
    })
  }
  if (error instanceof UnusableImage) {
    return imageUnusable(error.message, {
      retryable: false,
      suggestedAction: 'Build the image for linux/amd64, push it, and prepare again',
      cause: error,
    })
  }
  return error
}

function actionFor(status: number): string {
  if (status === 401 || status === 403)
    return 'Check that the pull secret may read the image, then prepare again'
  if (status === 404) return 'Check the image’s name and tag, then prepare again'
  if (status === 413) return 'Make the image smaller, then prepare again'
  if (status === 429 || status >= 500) return 'Wait until the registry answers again, then retry the step'
  return 'Check that the image can be pulled, then retry'
}
