/** The operation of routes that exist in a test or a benchmark only, and so in no document. */
export const undocumented = {
  operation: {
    id: 'undocumented',
    tag: 'tests',
    describe: () => Promise.reject(new Error('routes of tests have no description')),
  },
}
