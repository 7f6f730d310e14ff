import type { ErrorCode } from '../../platform/errors.ts'

/** The containers API puts its reason into a JSON text inside of the message: `{"error": "SURPASSED_TOTAL_LIMITS"}`. */
export function codeOfReason(message: string): ErrorCode | undefined {
  const [, reason = ''] = /^\{.*"error":\s*"([A-Z_]+)"/.exec(message) ?? []
  if (reason === '') return undefined
  if (reason === 'DURABLE_OBJECT_ALREADY_HAS_APPLICATION') return 'STATE_001'
  if (reason.startsWith('DURABLE_OBJECT_')) return 'DEPLOY_004'
  if (reason.startsWith('IMAGE_REGISTRY_')) return 'DEPLOY_003'
  return reason.includes('SURPASSED_') ? 'DEPLOY_002' : 'DEPLOY_001'
}
