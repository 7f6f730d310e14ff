import { render } from './assets/render-4f2a.js'

export default {
  fetch: (_request, env) => new Response(render(env.TITLE), { headers: { 'Content-Type': 'text/html' } }),
}
