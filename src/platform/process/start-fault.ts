/** A start that cannot continue. The message explains the reason to the user and is shown without a stack. */
export class StartFault extends Error {
  override name = 'StartFault'
}
