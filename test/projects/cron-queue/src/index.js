export default {
  async scheduled(controller, env) {
    await env.MAILS.send({ to: 'team@example.org', at: controller.scheduledTime })
  },
  async queue(batch, env) {
    for (const message of batch.messages) {
      env.SENT.writeDataPoint({ blobs: [message.body.to] })
      message.ack()
    }
  },
}
