import { ApiError } from '../errors.ts'

/** Cloudflare's names of the errors of the containers API. */
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

/** An error of the containers API, whose message is a JSON text with the reason. */
export function containersRefusal(reason: Reason, details: string): ApiError {
  const message = JSON.stringify({ error: reason, details: { message: details } })
  if (reason === 'DURABLE_OBJECT_NOT_CONTAINER_ENABLED') return new ApiError('notContainerEnabled', message)
  if (reason === 'DURABLE_OBJECT_ALREADY_HAS_APPLICATION') return new ApiError('hasApplication', message)
  return new ApiError('containersRefused', message)
}
