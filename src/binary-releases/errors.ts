import { dependencyFailed, gone, internalError, outOfDiskSpace } from '../platform/errors.ts'
import { isDiskFull } from '../platform/postgres/disk-full.ts'
import { StoreUnreachable } from './object-store/index.ts'

/** The error for an unreachable store: 500 and retryable, as in the CCO Releases API. */
export const storeUnreachable = (cause?: unknown) =>
  dependencyFailed('The object store is unreachable', {
    status: 500,
    retryable: true,
    retryAfter: 5,
    suggestedAction: 'Try again',
    details: { reason: 'store_unreachable' },
    cause,
  })

export const metadataUnreadable = () =>
  internalError('The metadata of this release is invalid', {
    details: { reason: 'metadata_invalid' },
    suggestedAction: 'Report it to the publisher of the release, or use another version',
  })

export const versionWithdrawn = () =>
  gone('This version was withdrawn', {
    suggestedAction: 'Use the latest version of the channel',
  })

/** Runs calls of the store. @throws STATE_003 if the store is unreachable, SYS_006 if its disk is full */
export async function withStore<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (isDiskFull(error)) throw outOfDiskSpace(error)
    throw error instanceof StoreUnreachable ? storeUnreachable(error) : error
  }
}
