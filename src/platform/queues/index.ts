export {
  createQueues,
  type DeliveryData,
  type DeliveryJob,
  type DeliveryQueue,
  migrateQueues,
  type Queues,
} from './queues.ts'
