/** The stream that says when there is something new: a cycle's end, or a change of the nodes. */
export const statusStream = 'orchestrators'
