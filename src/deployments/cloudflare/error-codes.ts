import type { ErrorCode } from '../../platform/error-codes.ts'

/** Cloudflare's error numbers with one meaning. `errors.ts` distinguishes those with two meanings. */
const numbers: Partial<Record<ErrorCode, readonly number[]>> = {
  AUTH_003: [1003, 6003, 9106],
  AUTH_004: [9109, 10034],
  DEPLOY_001: [
    1001, 10021, 10041, 10056, 10057, 10068, 10085, 10143, 10157, 10159, 10181, 10182, 10209, 11000, 11001,
    100119, 100143, 100324,
  ],
  DEPLOY_002: [10027, 10037, 10072, 10208],
  DEPLOY_004: [1607, 10061, 10064, 10070, 10074, 10079, 10097, 10099, 10123, 10211, 100402, 100405, 100406],
  DEPLOY_005: [
    10009, 10019, 10020, 10022, 10031, 10032, 10036, 10063, 81053, 81057, 81058, 100114, 100116, 100117,
  ],
  DEPLOY_007: [10220],
  STATE_001: [1608, 11004],
  SYS_005: [1609, 7000, 7001, 7003, 10007, 10090, 10092, 10215, 10222, 10336, 100146],
}

const codesByNumber = new Map(
  Object.entries(numbers).flatMap(([code, list]) => list.map((number) => [number, code as ErrorCode])),
)

export const codeByNumber = (number: number): ErrorCode | undefined => codesByNumber.get(number)

/** The error code for a constant of the container API. */
export function codeByReason(reason: string): ErrorCode {
  if (reason === 'DURABLE_OBJECT_ALREADY_HAS_APPLICATION') return 'STATE_001'
  if (reason.startsWith('DURABLE_OBJECT_')) return 'DEPLOY_004'
  if (reason.startsWith('IMAGE_REGISTRY_')) return 'DEPLOY_003'
  return /SURPASSED_/.test(reason) ? 'DEPLOY_002' : 'DEPLOY_001'
}

const absent = 'Create the resource that the binding names, or prepare again'

const actions: Record<number, string> = {
  ...Object.fromEntries(
    [10041, 10085, 10143, 10157, 10159, 10181, 10182, 11000, 100119, 100143].map((code) => [code, absent]),
  ),
  1607: 'Prepare again: the class must be uploaded together with its container',
  1608: 'Remove the container application that holds the class, or deploy under its name',
  10027: 'Make the code smaller: remove what the Worker does not use',
  10034: 'Confirm the e-mail address of the Cloudflare account, then deploy again',
  10037: 'Delete Workers that are not needed or raise the limit, then deploy again',
  10063: 'Choose a workers.dev name for the account in the dashboard, then retry',
  10072: 'Remove schedules of other Workers, or raise the limit of the account, then deploy again',
  10079: 'Another client is changing this Worker: wait until it has finished, then prepare again',
  10097: 'This account accepts SQLite-backed classes only: prepare again',
  10099: 'This account accepts SQLite-backed classes only: prepare again',
  10208: 'Schedules of workflows need a paid plan: remove them, or change the plan of the account',
  11001: 'Export a queue handler from the Worker, or remove its queue consumer',
  11004: 'Remove the other consumer of the queue, then deploy again',
  100114: 'Prepare again: the custom domain was removed outside Capstan',
  100116: 'Remove the custom domain from the Worker that has it, then retry',
  100117: 'Delete the DNS records of this host name, then retry',
  100146: 'Retry the step: the uploaded version is not visible yet',
}

const paidPlan =
  'Containers need the Workers Paid plan and the permission Workers Containers Write: check both'

/** The suggested action for a refusal; undefined if the general advice of its error code is enough. */
export function actionFor(error: {
  code: number
  status: number
  challenged: boolean
  containers: boolean
}): string | undefined {
  if (error.challenged) return 'Allow the address of this machine in Cloudflare’s bot protection, then retry'
  if (error.containers && error.status === 401 && codeByNumber(error.code) === undefined) return paidPlan
  return actions[error.code]
}
