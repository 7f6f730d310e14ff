export const products = [
  { name: 'Chair', price: 49 },
  { name: 'Desk', price: 120 },
]
