/**
 * All errors of the API, with Cloudflare's codes. A published code is used wherever one fits; a comment marks the errors
 * for which Cloudflare documents none.
 */
const refusals = {
  invalidToken: { status: 401, code: 1000, message: 'Invalid API Token' },
  badAuthorizationFormat: { status: 400, code: 6003, message: 'Invalid request headers' },
  noCredentials: {
    status: 400,
    code: 9106,
    message: 'Missing X-Auth-Key, X-Auth-Email or Authorization headers',
  },
  authentication: { status: 401, code: 10000, message: 'Authentication error' },
  noRoute: { status: 404, code: 7000, message: 'No route for that URI' },
  // Cloudflare has no code for a feature that only the local cloud lacks.
  unsupported: { status: 400, code: 10300, message: 'The local cloud does not support this.' },
  // Cloudflare documents no code for a body that arrives too slowly.
  bodyTimeout: { status: 408, code: 10026, message: 'The request body did not arrive in time.' },
  methodNotAllowed: { status: 405, code: 7001, message: 'Method not available for that URI.' },
  unresolvable: {
    status: 404,
    code: 7003,
    message: 'Could not route to that URI, perhaps your object identifier is invalid?',
  },
  zoneNotFound: { status: 403, code: 9109, message: 'Invalid zone identifier' },
  rateLimited: { status: 429, code: 10013, message: 'Rate limited. Please wait and try again.' },
  // Cloudflare documents no code for a tail that does not exist.
  tailNotFound: { status: 404, code: 10057, message: 'The tail does not exist.' },
  queueNotFound: { status: 404, code: 11000, message: 'The queue does not exist.' },
  noQueueHandler: { status: 400, code: 11001, message: 'The Worker has no queue handler.' },
  invalidQueueName: {
    status: 400,
    code: 11003,
    message: 'A queue name is 1-63 letters, digits, hyphens or underscores.',
  },
  queueHasConsumer: { status: 400, code: 11004, message: 'Queue already has a consumer' },
  queueInUse: { status: 400, code: 11005, message: 'The queue is in use by a binding.' },
  queueConsumerNotFound: { status: 404, code: 11006, message: 'The consumer does not exist.' },
  // Cloudflare documents no code for a pull from a queue without such a consumer.
  noPullConsumer: {
    status: 400,
    code: 11006,
    message: 'The queue has no HTTP pull consumer: add one first.',
  },
  queueExists: { status: 409, code: 11009, message: 'A queue with this name already exists.' },
  tooManyCrons: {
    status: 400,
    code: 10072,
    message: 'This account has reached the limit of 250 cron triggers.',
  },
  invalidCron: { status: 400, code: 10100, message: 'invalid cron string' },
  internal: { status: 500, code: 10013, message: 'An unknown error has occurred.' },
  scriptNotFound: { status: 404, code: 10007, message: 'This Worker does not exist on your account.' },
  invalidScriptName: {
    status: 400,
    code: 10016,
    message: 'A Worker name is 1-63 lower-case letters, digits, hyphens or underscores.',
  },
  invalidScript: { status: 400, code: 10021, message: 'The Worker failed validation.' },
  // Cloudflare documents no single code for a malformed body; its Workers API returns 10026 for some of them.
  invalidBody: { status: 400, code: 10026, message: 'The request body is invalid.' },
  // Cloudflare documents no code for a rejected file of an upload session.
  invalidAsset: { status: 400, code: 10026, message: 'The asset does not match the manifest.' },
  // Cloudflare documents no code for an invalid completion token.
  invalidAssetToken: { status: 400, code: 10021, message: 'The assets token is invalid.' },
  invalidAssetRules: { status: 400, code: 100324, message: 'The _headers or _redirects file is invalid.' },
  tooLarge: { status: 413, code: 10027, message: 'Your Worker exceeded the size limit.' },
  namespaceNotFound: { status: 404, code: 10013, message: 'get namespace: namespace not found' },
  namespaceExists: {
    status: 400,
    code: 10014,
    message: 'create namespace: a namespace with this account ID and title already exists',
  },
  titleRequired: { status: 400, code: 10019, message: 'title is required' },
  keyNotFound: { status: 404, code: 10009, message: "get: 'key not found'" },
  // Cloudflare documents no code for the faults of a key, a value or its expiration.
  invalidEntry: { status: 400, code: 10033, message: 'The key, the value or its expiration is invalid.' },
  emptyBulk: { status: 400, code: 10029, message: 'The list of keys is empty.' },
  bucketExists: {
    status: 409,
    code: 10004,
    message: 'The bucket you tried to create already exists, and you own it.',
  },
  invalidBucketName: { status: 400, code: 10005, message: 'The specified bucket name is not valid.' },
  bucketNotFound: { status: 404, code: 10006, message: 'The specified bucket does not exist.' },
  objectNotFound: { status: 404, code: 10007, message: 'The specified key does not exist.' },
  bucketNotEmpty: {
    status: 409,
    code: 10008,
    message: 'The bucket you tried to delete is not empty.',
  },
  invalidDatabase: { status: 400, code: 7400, message: 'The request is malformed.' },
  databaseNotFound: { status: 404, code: 7404, message: 'The database could not be found.' },
  queryFailed: { status: 400, code: 7500, message: 'The query failed.' },
  workflowNotFound: { status: 404, code: 10200, message: 'workflow not found' },
  jurisdictionFixed: {
    status: 400,
    code: 10209,
    message: 'The jurisdiction of a workflow cannot be changed.',
  },
  workflowVersionNotFound: { status: 404, code: 10300, message: 'The version does not exist.' },
  // Cloudflare documents no codes for the refusals of instances; the messages are those of the bindings.
  instanceNotFound: { status: 404, code: 10201, message: 'instance.not_found' },
  instanceExists: {
    status: 409,
    code: 10202,
    message: '(instance.already_exists) Provided id already exists',
  },
  instanceRefused: { status: 400, code: 10203, message: 'The instance refused the change.' },
  databaseExists: { status: 400, code: 7502, message: 'A database with that name already exists.' },
  boundNamespaceMissing: { status: 400, code: 10041, message: 'A bound KV namespace was not found.' },
  boundBucketMissing: { status: 400, code: 10085, message: 'A bound R2 bucket was not found.' },
  boundServiceMissing: { status: 400, code: 10143, message: 'Could not resolve a service binding.' },
  boundEntrypointMissing: { status: 400, code: 10144, message: 'A bound entrypoint was not found.' },
  boundDatabaseMissing: { status: 400, code: 10181, message: 'A bound D1 database was not found.' },
  subdomainTaken: { status: 409, code: 10036, message: 'This account already has a workers.dev subdomain.' },
  tooManyScripts: { status: 400, code: 10037, message: 'You have exceeded the limit of Workers.' },
  bindingTooLarge: { status: 400, code: 10054, message: 'A variable or secret is over 5 KB.' },
  tooManyBindings: {
    status: 400,
    code: 10055,
    message: 'A Worker can have at most 128 variables and secrets.',
  },
  secretNotFound: { status: 404, code: 10056, message: 'Binding not found.' },
  inheritedBindingMissing: { status: 400, code: 10057, message: 'An inherited binding does not exist.' },
  classNotConfigured: {
    status: 400,
    code: 10061,
    message: 'The class is not configured as a Durable Object.',
  },
  noSubdomain: { status: 400, code: 10063, message: 'You do not have a workers.dev subdomain.' },
  classNoLongerExported: {
    status: 400,
    code: 10064,
    message: 'A class with Durable Objects is no longer exported.',
  },
  noHandlers: {
    status: 400,
    code: 10068,
    message: 'No event handlers were registered. This script does nothing.',
  },
  classNotExported: { status: 400, code: 10070, message: 'A migrated class is not exported.' },
  migrationConflict: {
    status: 400,
    code: 10074,
    message: 'The migration does not apply to the current classes.',
  },
  migrationTag: { status: 412, code: 10079, message: 'The migration tag precondition failed.' },
  serviceNotFound: { status: 404, code: 10090, message: 'This service does not exist on your account.' },
  migrationInBetween: {
    status: 400,
    code: 10123,
    message: 'There is a Durable Object migration between the two versions.',
  },
  migrationInVersion: {
    status: 400,
    code: 10211,
    message:
      'Version upload failed. Durable Object migrations must be applied by a full upload of the Worker.',
  },
  latestNotDeployed: {
    status: 400,
    code: 10215,
    message: 'Secret edit failed. The latest version of your Worker is not currently deployed.',
  },
  notContainerEnabled: {
    status: 400,
    code: 1607,
    message: 'The Durable Object class is not enabled for containers.',
  },
  hasApplication: {
    status: 400,
    code: 1608,
    message: 'The Durable Object class already has an application.',
  },
  applicationNotFound: { status: 404, code: 1609, message: 'The application was not found.' },
  // Cloudflare documents no code for the other errors of the containers API: clients read the reason in the message.
  containersRefused: { status: 400, code: 1600, message: 'The containers API rejected the request.' },
  noVersions: { status: 404, code: 10222, message: 'This Worker has no versions.' },
  secretsChanged: {
    status: 400,
    code: 10220,
    message:
      'Secrets have changed since this version was uploaded. Repeat with ?force=true to deploy it anyway.',
  },
  routeNotFound: { status: 404, code: 10009, message: 'This route does not exist.' },
  routeScriptNotFound: { status: 404, code: 10019, message: 'The script of the route does not exist.' },
  duplicatePattern: { status: 409, code: 10020, message: 'A route with the same pattern already exists.' },
  badPattern: { status: 400, code: 10022, message: 'The route pattern must include the name of the zone.' },
  hostHasRecords: {
    status: 400,
    code: 81053,
    message: 'An A, AAAA, or CNAME record with that host already exists.',
  },
  recordNotFound: { status: 404, code: 81044, message: 'Record does not exist.' },
  recordExists: { status: 400, code: 81058, message: 'An identical record already exists.' },
  domainNotFound: { status: 404, code: 100114, message: 'This custom domain does not exist.' },
  domainInUse: { status: 409, code: 100116, message: 'The hostname is in use by another Worker.' },
  domainHasRecords: {
    status: 409,
    code: 100117,
    message: 'The hostname has externally managed DNS records. Delete them first.',
  },
  deploymentNotFound: { status: 404, code: 10336, message: 'Deployment not found.' },
  versionNotFound: { status: 404, code: 100146, message: 'Version not found.' },
} as const satisfies Record<string, { status: number; code: number; message: string }>

export type Refusal = keyof typeof refusals

/** An error that the client receives. Any other thrown error becomes a 500 response without details. */
export class ApiError extends Error {
  readonly status: number
  readonly code: number
  readonly chain: { code: number; message: string }[]

  constructor(refusal: Refusal, detail?: string, chain: { code: number; message: string }[] = []) {
    super(detail ?? refusals[refusal].message)
    this.status = refusals[refusal].status
    this.code = refusals[refusal].code
    this.chain = chain
  }
}
