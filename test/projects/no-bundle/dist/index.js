import { page } from './(site)/page.js'
import { slug } from './blog/[slug].func.js'
import { hello } from './chunks/grüße und mehr.js'

export default {
  fetch: (request) => new Response([page, slug(new URL(request.url).pathname), hello].join('\n')),
}
