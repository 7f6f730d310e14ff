import { errorCode } from '../thrown.ts'

const codes = new Set(['ENOSPC', 'EDQUOT', 'EFBIG'])

/** True when a write failed because the disk is full or a quota is used up; also as the cause of another error. */
export function isDiskFull(error: unknown): boolean {
  for (let each = error, depth = 0; each instanceof Error && depth < 5; each = each.cause, depth++) {
    const code = errorCode(each)
    if (typeof code === 'string' && codes.has(code)) return true
  }
  return false
}
