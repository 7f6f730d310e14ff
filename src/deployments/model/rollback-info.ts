/** Whether a deployment can be rolled back, and to which version. */
export interface RollbackInfo {
  available: boolean
  previousVersion: string | null
  /** Why not, although there is a version. */
  reasons?: string[]
}
