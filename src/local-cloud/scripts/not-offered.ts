/** Parts of Cloudflare's API below an account that are not there, by how their paths begin. */
const features: [RegExp, string][] = [
  [/^storage\/kv(\/|$)/, 'KV'],
  [/^d1(\/|$)/, 'D1'],
  [/^r2(\/|$)/, 'R2'],
  [/^queues(\/|$)/, 'Queues'],
  [/^workflows(\/|$)/, 'Workflows'],
  [/^hyperdrive(\/|$)/, 'Hyperdrive'],
  [/^vectorize(\/|$)/, 'Vectorize'],
  [/^pipelines(\/|$)/, 'Pipelines'],
  [/^ai(-gateway|-search)?(\/|$)/, 'Workers AI'],
  [/^secrets_store(\/|$)/, 'the Secrets Store'],
  [/^mtls_certificates(\/|$)/, 'mTLS certificates'],
  [/^email(\/|$)/, 'Email Routing'],
  [/^images(\/|$)/, 'Images'],
  [/^pages(\/|$)/, 'Pages'],
  [/^browser-rendering(\/|$)/, 'Browser Rendering'],
  [/^logpush(\/|$)/, 'Logpush'],
  [/^(triggers\/|workers\/scripts\/[^/]+\/schedules)/, 'cron triggers'],
  [/^workers\/(tails\/|scripts\/[^/]+\/tails)/, 'tails; `capstan logs` shows what a Worker wrote'],
  [/^workers\/(assets\/|scripts\/[^/]+\/assets-upload-session)/, 'static assets'],
  [/^workers\/dispatch(\/|$)/, 'Workers for Platforms'],
  [/^workers\/(observability|logs)(\/|$)/, 'Workers Logs; `capstan logs` shows what a Worker wrote'],
  [/^workers\/scripts\/[^/]+\/(routes|domains|references)/, 'routes and domains by script'],
  [/^workers\/services\/[^/]+\/environments\//, 'service environments'],
  [/^workers\/scripts\/[^/]+(\/settings)?$/, 'reading or changing a script in place: upload it again'],
  [/^workers\/workers(\/|$)/, 'the newer API of Workers beyond what wrangler needs'],
  [/^workers\/domains\/(changeset|records)/, 'changesets of domains'],
]

/**
 * @param path below the API's prefix
 * @returns what Cloudflare offers there and the local cloud does not; undefined for what Cloudflare does not have either
 */
export function notOffered(path: string): string | undefined {
  const [, below] = /^\/accounts\/[^/]+\/(.*)$/.exec(path) ?? []
  return below === undefined ? undefined : features.find(([pattern]) => pattern.test(below))?.[1]
}

/** Handlers that need a trigger of Cloudflare's to be called. */
const triggers: Record<string, string> = {
  scheduled: 'cron triggers',
  queue: 'Queues',
  email: 'Email Routing',
  tail: 'tail consumers',
  tailStream: 'tail consumers',
  trace: 'tail consumers',
}

/** @returns for a handler that nothing would ever call here, the missing feature. */
export const missingTrigger = (handler: string): string | undefined =>
  Object.hasOwn(triggers, handler) ? triggers[handler] : undefined
