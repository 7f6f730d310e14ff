// Used with `node --import`: shifts the time of day of a process by CLOCK_SHIFT_MS or, with CLOCK_SHIFT_FILE, by the
// current content of that file. The monotonic clock is not shifted.
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
