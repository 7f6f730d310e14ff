// For `node --import`: the time of day of this process is wrong by CLOCK_SHIFT_MS, or, with CLOCK_SHIFT_FILE, by what
// that file says at the moment. Its monotonic clock is right.
import { readFileSync } from 'node:fs'

const Real = Date
const { CLOCK_SHIFT_MS, CLOCK_SHIFT_FILE } = process.env
const shift = () =>
  CLOCK_SHIFT_FILE === undefined
    ? Number(CLOCK_SHIFT_MS ?? 0)
    : Number(readFileSync(CLOCK_SHIFT_FILE, 'utf8'))

globalThis.Date = class extends Real {
  constructor(...given) {
    super(...(given.length === 0 ? [Real.now() + shift()] : given))
  }
  static now() {
    return Real.now() + shift()
  }
}
