import { ApiError } from '../errors.ts'

/** Why the containers API refuses a change, as Cloudflare names it. */
type Reason =
  | 'IMAGE_REGISTRY_RETURNED_ERROR'
  | 'IMAGE_REGISTRY_DOESNT_CONTAIN_IMAGE'
  | 'IMAGE_REGISTRY_NOT_CONFIGURED'
  | 'VALIDATE_INPUT'
  | 'SURPASSED_BASE_LIMITS'
  | 'SURPASSED_TOTAL_LIMITS'
  | 'DURABLE_OBJECT_NOT_FOUND'
  | 'DURABLE_OBJECT_NOT_CONTAINER_ENABLED'
  | 'DURABLE_OBJECT_ALREADY_HAS_APPLICATION'

/** Its refusals carry the reason in a JSON text inside the message. */
export function containersRefusal(reason: Reason, details: string): ApiError {
  const message = JSON.stringify({ error: reason, details: { message: details } })
  if (reason === 'DURABLE_OBJECT_NOT_CONTAINER_ENABLED') return new ApiError('notContainerEnabled', message)
  if (reason === 'DURABLE_OBJECT_ALREADY_HAS_APPLICATION') return new ApiError('hasApplication', message)
  return new ApiError('containersRefused', message)
}
