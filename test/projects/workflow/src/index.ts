import { WorkflowEntrypoint, type WorkflowEvent, type WorkflowStep } from 'cloudflare:workers'

interface Order {
  id: string
}

export class FulfilOrder extends WorkflowEntrypoint<unknown, Order> {
  override async run(event: WorkflowEvent<Order>, step: WorkflowStep): Promise<string> {
    const reserved = await step.do('reserve', async () => `reserved ${event.payload.id}`)
    await step.sleep('wait for payment', '1 second')
    return step.do('ship', async () => `${reserved}, shipped`)
  }
}

interface Env {
  FULFIL: Workflow<Order>
}

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const id = new URL(request.url).searchParams.get('id')
    if (request.method === 'POST') {
      const instance = await env.FULFIL.create({ params: { id: crypto.randomUUID() } })
      return Response.json({ id: instance.id }, { status: 202 })
    }
    if (id === null) return new Response('orders')
    const instance = await env.FULFIL.get(id)
    return Response.json(await instance.status())
  },
}
