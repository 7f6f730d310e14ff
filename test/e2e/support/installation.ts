import type { Stack } from '../../helpers/stack.ts'
import type { Api } from './client.ts'

/** The installation that several groups of tests share, since a start costs several seconds of processor time. */
export interface Installation {
  stack: Stack
  /** The administrator's. */
  api: Api
}

/** Returns the installation; only for hooks and tests, as it does not exist before. */
export type GetInstallation = () => Installation
