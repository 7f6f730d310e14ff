/** A program in the place of wrangler's, for what the real one does seldom or slowly. */
export const fakeWrangler = (version: string, program: string) => ({
  'node_modules/wrangler/package.json': JSON.stringify({ name: 'wrangler', version, main: 'cli.js' }),
  'node_modules/wrangler/cli.js': program,
  'wrangler.jsonc': '{"name": "shop", "main": "index.js"}',
})

/** The program of a dry run that makes this upload. */
export const uploading = (metadata: object, type = 'application/javascript+module') => `
const boundary = '-'.repeat(30) + 'form'
const option = (name) => process.argv.find((each) => each.startsWith('--' + name + '='))?.split('=')[1]
const part = (head, body) => '--' + boundary + '\\r\\nContent-Disposition: form-data; ' + head + '\\r\\n\\r\\n' + body + '\\r\\n'
const { writeFileSync } = require('node:fs')
writeFileSync(option('outfile'),
  part('name="metadata"', ${JSON.stringify(JSON.stringify(metadata))}) +
  part('name="index.js"; filename="index.js"\\r\\nContent-Type: ${type}', JSON.stringify(process.argv.slice(2))) + '--' + boundary + '--\\r\\n')
exports.unstable_readConfig = ({ config, env }) => ({ name: 'shop', main: 'index.js', configPath: config, userConfigPath: config, env })
`
