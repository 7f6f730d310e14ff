import { dependencyFailed, gone, internalError, outOfDiskSpace } from '../platform/errors.ts'
import { isDiskFull } from '../platform/postgres/disk-full.ts'
import { StoreUnreachable } from './object-store/index.ts'

/** As the source answers while R2 is away: 500, and worth another try. */
export const storeAway = (cause?: unknown) =>
  dependencyFailed('The object store can not be reached', {
    status: 500,
    retryable: true,
    retryAfter: 5,
    suggestedAction: 'Try again',
    details: { reason: 'store_unreachable' },
    cause,
  })

export const unreadable = () =>
  internalError('The metadata of this release can not be read', {
    details: { reason: 'metadata_invalid' },
    suggestedAction: 'Tell the publisher of the release, or take another version',
  })

export const yanked = () =>
  gone('This version was withdrawn', {
    suggestedAction: 'Take the latest version of the channel',
  })

/** Runs a verb's calls of the store; one that is away becomes an answer. */
export async function withStore<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (isDiskFull(error)) throw outOfDiskSpace(error)
    throw error instanceof StoreUnreachable ? storeAway(error) : error
  }
}
