import type { Wrap } from '../../platform/http/index.ts'

/** How all routes of deployments answer a success. */
export const success: Wrap = (data, metadata) => ({ success: true, data, metadata })
