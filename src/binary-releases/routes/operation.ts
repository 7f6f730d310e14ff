import { operationsOf } from '../../platform/operations/operation.ts'

/** The operations of this domain by name; their descriptions are loaded on demand. */
export const operation = operationsOf('binary-releases', () => import('./operations/index.ts'))
