import { UsageFault } from '../../../cli/index.ts'
import { healthCheck } from '../../model/request/health-check.ts'
import type { ProjectFile } from './project-file.ts'

/** The options for the health check, as parsed by commander. */
export interface HealthFlags {
  health?: string
  healthPath?: string
  healthMethod?: string
  healthStatus?: string
  healthHost?: string
  /** False for `--no-health-check`. */
  healthCheck?: boolean
  /** False for `--no-check-before-traffic`. */
  checkBeforeTraffic?: boolean
  timeout?: number
}

/** Any answer but a failure of the server: a router may have nothing at `/`, and a Worker may take POST only. */
const answers = '200-499'

/**
 * The health check of the request; options take precedence over capstan.json.
 * @param options.lenient for projects that say nothing about their health: then every answer below 500 counts
 * @throws UsageFault for a status that is none
 */
export function healthCheckOf(
  flags: HealthFlags,
  { healthCheck: written }: Pick<ProjectFile, 'healthCheck'>,
  options: { lenient: boolean } = { lenient: false },
) {
  const path = flags.healthPath ?? flags.health
  const { healthMethod: method, healthHost: host, healthStatus: status, timeout: timeoutSeconds } = flags
  const isSilent = written === undefined && path === undefined && method === undefined && status === undefined
  return {
    ...(options.lenient && isSilent ? { expectStatus: answers } : {}),
    ...written,
    ...(flags.healthCheck === false ? { enabled: false } : {}),
    ...(flags.checkBeforeTraffic === false ? { beforeTraffic: false } : {}),
    ...(path === undefined ? {} : { path }),
    ...(method === undefined ? {} : { method: methodOf(method) }),
    ...(host === undefined ? {} : { host }),
    ...(status === undefined ? {} : { expectStatus: statusOf(status) }),
    ...(timeoutSeconds === undefined ? {} : { timeoutSeconds }),
  }
}

const methods = healthCheck.unwrap().shape.method.unwrap().options

function methodOf(text: string): (typeof methods)[number] {
  const method = methods.find((each) => each === text.toUpperCase())
  if (method !== undefined) return method
  throw new UsageFault(`--health-method has to be one of ${methods.join(', ')}`)
}

function statusOf(text: string): string {
  if (/^[1-5]\d\d(-[1-5]\d\d)?$/.test(text)) return text
  throw new UsageFault('--health-status has to be a status or a range of them, like 200 or 200-499')
}
