/** Whether a deployment can be rolled back, and to which version. */
export interface RollbackInfo {
  available: boolean
  previousVersion: string | null
  /** The reasons why it cannot be rolled back although a version exists. */
  reasons?: string[]
}
