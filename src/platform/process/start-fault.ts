/** A start that can't go on, for a reason its message tells the person who started it. Shown without a stack. */
export class StartFault extends Error {
  override name = 'StartFault'
}
