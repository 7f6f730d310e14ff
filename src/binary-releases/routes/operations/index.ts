import { z } from 'zod'
import {
  always,
  jsonAnswer,
  type OperationDescription,
  preparedAnswer,
  sometimes,
} from '../../../platform/operations/index.ts'
import * as schemas from './schemas.ts'
import { storeOperations } from './store.ts'

/** The store is read, and its fault is a 500 that can be repeated. */
const fromStore = [{ code: 'STATE_003', status: 500 }, 'SYS_006'] as const
const stale = {
  Warning: sometimes('Present if the answer is an older copy, because the store did not answer'),
}
const etag = { ETag: sometimes('The entity tag of the body') }

const publishing = {
  createDraft: {
    summary: 'Creates the draft of a release, or changes it.',
    answers: {
      200: jsonAnswer('The draft existed', schemas.draft),
      201: jsonAnswer('The draft was created', schemas.draft),
    },
    errors: ['STATE_001', ...fromStore],
    idempotencyKey: true,
  },
  getDraft: {
    summary: 'Shows a draft and its files.',
    answers: { 200: jsonAnswer('The draft', schemas.draft) },
  },
  discardDraft: {
    summary: 'Discards a draft and its files.',
    answers: {
      200: jsonAnswer(
        'Discarded',
        z.strictObject({ version: z.string(), discarded: z.literal(true) }).meta({ id: 'DiscardedDraft' }),
      ),
    },
    errors: ['STATE_001', ...fromStore],
    idempotencyKey: true,
  },
  requestUpload: {
    summary: 'Declares a file of a draft and returns the links to which its bytes are sent.',
    description: 'Repeat it after sending the bytes, or after an interruption: it returns what is missing.',
    answers: { 200: jsonAnswer('The state of the file, and the links', schemas.upload) },
    errors: ['STATE_001', ...fromStore],
  },
  publishRelease: {
    summary: 'Publishes a draft whose files have all arrived.',
    answers: { 202: jsonAnswer('The publication has started', schemas.publication) },
    errors: ['STATE_001', 'STATE_003', ...fromStore],
    idempotencyKey: true,
  },
  promoteRelease: {
    summary: 'Makes a release the latest of a channel.',
    answers: { 200: jsonAnswer('Promoted', schemas.promotion) },
    errors: ['STATE_001', 'STATE_002', ...fromStore],
    idempotencyKey: true,
  },
  yankRelease: {
    summary: 'Withdraws a release, so that no new download of it begins.',
    answers: { 200: jsonAnswer('Withdrawn', schemas.withdrawal) },
    errors: ['STATE_001', ...fromStore],
    idempotencyKey: true,
  },
} satisfies Record<string, OperationDescription>

const reading = {
  getLatestRelease: {
    summary: 'Shows the latest release of a channel.',
    answers: { 200: jsonAnswer('The release', schemas.metadata, { ...etag, ...stale }) },
    errors: ['SYS_005', ...fromStore],
  },
  listReleases: {
    summary: 'Lists published releases, newest first.',
    answers: { 200: jsonAnswer('One page of releases', schemas.list) },
    errors: fromStore,
  },
  findUpdate: {
    summary: 'Finds the release to which a client should update.',
    answers: {
      200: jsonAnswer('The release', schemas.update),
      204: {
        description: 'There is none',
        headers: {
          'X-Update-Reason': always('Why: up-to-date, no-release, platform-missing, current-is-newer'),
        },
      },
    },
    errors: fromStore,
  },
  listSigningKeys: {
    summary: 'Lists the public keys with which releases are signed.',
    answers: { 200: jsonAnswer('The keys', schemas.keys) },
  },
  getRelease: {
    summary: 'Shows a published release.',
    answers: { 200: jsonAnswer('The release', schemas.metadata, stale) },
    errors: fromStore,
  },
  getReleaseSignature: {
    summary: 'Shows the signature of a release.',
    answers: { 200: jsonAnswer('The signature', schemas.signature) },
    errors: fromStore,
  },
  countReleaseDownloads: {
    summary: 'Counts the download links of a release.',
    answers: { 200: jsonAnswer('The counts', schemas.downloads) },
  },
  getDownloadLink: {
    summary: 'Issues a link to a file of a release, or leads to it with `redirect=1`.',
    answers: {
      200: preparedAnswer('The link', schemas.download),
      302: { description: 'To the file', headers: { Location: always('The link') } },
    },
    errors: ['STATE_002', ...fromStore],
  },
} satisfies Record<string, OperationDescription>

export const operations = { ...publishing, ...reading, ...storeOperations }
