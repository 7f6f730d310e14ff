/** The event stream of the status: the end of a cycle, or a change of the nodes. */
export const statusStream = 'orchestrators'
