import type { Wrap } from '../../platform/http/index.ts'

/** The success envelope of all deployment routes. */
export const success: Wrap = (data, metadata) => ({ success: true, data, metadata })
