import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Prepared, prepare } from '../platform/http/index.ts'

/** The files of the reference: the document, the page, and the scripts and styles that the page loads. */
export type ReferenceFile = 'openapi.json' | 'page' | (typeof parts)[number]

/** What the page loads, by its name under `/docs/`. */
export const parts = ['start.js', 'swagger-ui-bundle.js', 'swagger-ui.css'] as const

const script = 'text/javascript; charset=utf-8'

/** The page. Everything that it needs is a file of this service: the content security policy allows nothing else. */
const page = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>API reference - Capstan</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
<div id="reference"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
`

/** Starts the library. Requests of the page have the session's cookie, so those that write need its CSRF token. */
const start = `const csrfToken = () => /(?:^|; )XSRF-TOKEN=([^;]*)/.exec(document.cookie)?.[1]
SwaggerUIBundle({
  url: '/openapi.json',
  dom_id: '#reference',
  deepLinking: true,
  docExpansion: 'list',
  filter: true,
  validatorUrl: null,
  requestInterceptor(request) {
    const token = csrfToken()
    if (token !== undefined) request.headers['X-CSRF-Token'] = token
    return request
  },
})
`

/** @returns a function that reads each file once, at the first request for it */
export function createFiles(): (name: ReferenceFile) => Promise<Prepared> {
  const known = new Map<ReferenceFile, Promise<Prepared>>()
  return (name) => {
    const before = known.get(name)
    if (before !== undefined) return before
    const reading = read(name)
    known.set(name, reading)
    // A failure is not cached.
    reading.catch(() => known.delete(name))
    return reading
  }
}

async function read(name: ReferenceFile): Promise<Prepared> {
  switch (name) {
    case 'page':
      return prepare(page, 'text/html; charset=utf-8')
    case 'start.js':
      return prepare(start, script)
    case 'openapi.json':
      return prepare(await readFile(documentPath), 'application/json; charset=utf-8')
    case 'swagger-ui-bundle.js':
      return prepare(await readFile(ofLibrary(name)), script)
    case 'swagger-ui.css':
      return prepare(await readFile(ofLibrary(name)), 'text/css; charset=utf-8')
  }
}

const documentPath = fileURLToPath(new URL('../../openapi.json', import.meta.url))

const ofLibrary = (name: string) =>
  join(dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json')), name)
