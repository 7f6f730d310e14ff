import { errorCode } from '../thrown.ts'

const diskFullCodes = new Set(['ENOSPC', 'EDQUOT', 'EFBIG'])

/** True if an error, or a cause of it, says that the disk is full or a quota is used up. */
export function isDiskFull(error: unknown): boolean {
  for (let each = error, depth = 0; each instanceof Error && depth < 5; each = each.cause, depth++) {
    const code = errorCode(each)
    if (typeof code === 'string' && diskFullCodes.has(code)) return true
  }
  return false
}
