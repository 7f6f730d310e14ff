import type { WranglerConfig } from '../reading/config-schema.ts'
import { type Naming, scriptOf, stagingName } from './naming.ts'

/** The schedules, queue consumers and workflows of the request. */
export function translateTriggers(config: WranglerConfig, naming: Naming, shareAll: boolean) {
  const crons = config.triggers?.crons ?? undefined
  const own = naming.borrowed && !shareAll
  const nameOf = (name: string) => (own ? stagingName(name) : name)
  const consumers = (config.queues?.consumers ?? []).filter(({ type }) => type !== 'http_pull')
  const workflows = config.workflows.filter(({ script_name: script }) => isOwn(script, naming))
  return {
    ...(crons === undefined ? {} : { crons }),
    ...(consumers.length === 0
      ? {}
      : {
          queueConsumers: consumers.map((each) =>
            consumerOf(each, { nameOf, create: own && naming.mayCreate }),
          ),
        }),
    ...(workflows.length === 0
      ? {}
      : {
          workflows: workflows.map(
            ({ binding: _, remote: __, script_name: script, name, schedules, ...rest }) => ({
              ...rest,
              ...(schedules === undefined ? {} : { schedules: [schedules].flat().map((cron) => ({ cron })) }),
              name: nameOf(name),
              ...(script === undefined ? {} : { script_name: scriptOf(naming, script, shareAll) }),
            }),
          ),
        }),
  }
}

/** A workflow of another Worker is only bound, not defined. */
const isOwn = (script: string | undefined, { wranglerName }: Naming) =>
  script === undefined || script === wranglerName

type Consumer = NonNullable<WranglerConfig['queues']>['consumers'][number]

function consumerOf(
  consumer: Consumer,
  { nameOf, create }: { nameOf: (name: string) => string; create: boolean },
) {
  const { dead_letter_queue: dead, max_batch_timeout: seconds } = consumer
  const settings = {
    batch_size: consumer.max_batch_size,
    max_retries: consumer.max_retries,
    max_wait_time_ms: seconds === undefined ? undefined : Math.round(seconds * 1000),
    max_concurrency: consumer.max_concurrency,
    retry_delay: consumer.retry_delay,
  }
  const given = Object.entries(settings).filter(([, value]) => value !== undefined)
  return {
    queue: nameOf(consumer.queue),
    ...(dead === undefined ? {} : { dead_letter_queue: nameOf(dead) }),
    settings: Object.fromEntries(given),
    ...(create ? { create } : {}),
  }
}
