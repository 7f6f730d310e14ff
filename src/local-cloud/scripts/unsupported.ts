import { type Binding, isAbsent, typeOf } from '../store/bindings.ts'

/** Features of Cloudflare's account API that the local cloud does not support, by path prefix. */
const features: [RegExp, string][] = [
  [/^d1(\/|$)/, 'read replication of D1'],
  [
    /^r2\/buckets\/[^/]+\/(cors|domains|event_notifications|lifecycle|lock|sippy|local-uploads)/,
    'settings of R2 buckets',
  ],
  [/^r2(\/|$)/, 'this part of R2'],
  [/^workflows\/[^/]+\/instances\/[^/]+\/step$/, 'the results of single steps of Workflows'],
  [/^workflows\/[^/]+\/versions\/[^/]+\/graph$/, 'the graphs of Workflows'],
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
  [/^triggers\//, 'event triggers'],
  [/^workers\/tails\//, 'the list of tail consumers'],
  [/^workers\/dispatch(\/|$)/, 'Workers for Platforms'],
  [/^workers\/(observability|logs)(\/|$)/, 'Workers Logs; `capstan logs` shows the logs of a Worker'],
  [/^workers\/scripts\/[^/]+\/(domains|references)/, 'single domains and references of a script'],
  [/^workers\/services\/[^/]+\/environments\//, 'service environments'],
  [/^workers\/scripts\/[^/]+(\/settings)?$/, 'reading or changing a script in place: upload it again'],
  [/^workers\/workers(\/|$)/, 'the newer API of Workers beyond what wrangler needs'],
  [/^workers\/domains\/changeset/, 'changesets of the domains of several Workers'],
]

/**
 * @param path the path below the API's prefix
 * @returns the Cloudflare feature at the path that the local cloud does not support; undefined if Cloudflare has none
 */
export function unsupportedFeature(path: string): string | undefined {
  const [, accountPath] = /^\/accounts\/[^/]+\/(.*)$/.exec(path) ?? []
  return accountPath === undefined ? undefined : features.find(([pattern]) => pattern.test(accountPath))?.[1]
}

/** Handlers that only a Cloudflare feature calls. */
const triggers: Record<string, string> = {
  email: 'Email Routing',
  tail: 'tail consumers',
  tailStream: 'tail consumers',
  trace: 'tail consumers',
}

/** @returns the unsupported feature that would call the handler; undefined for handlers that work */
export const missingTrigger = (handler: string): string | undefined =>
  Object.hasOwn(triggers, handler) ? triggers[handler] : undefined

/** Messages for the response of an upload, about what is accepted although it does not work here. */
export const absentMessages = (bindings: Binding[], unknownSettings: string[]) => [
  ...bindings
    .filter(isAbsent)
    .map((binding) =>
      messageOf(
        `The binding ${binding.name} is accepted but does not run: the local cloud has no ${typeOf(binding)}. Using it throws an error.`,
      ),
    ),
  ...bindings
    .filter(({ type }) => type === 'send_email')
    .map(({ name }) =>
      messageOf(`The binding ${name} sends no email: the local cloud records what it is given.`),
    ),
  ...unknownSettings.map((name) =>
    messageOf(`The setting ${name} is accepted but has no effect: the local cloud does not know it.`),
  ),
]

const messageOf = (message: string) => ({ code: 10300, message })
